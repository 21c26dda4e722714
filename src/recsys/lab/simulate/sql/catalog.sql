-- Purpose: read the catalogue back from its JSON lines, typed, so that it can be written as Parquet.
-- In: one parameter, the path of the lines.
-- Out: one row an item, in the order of the file.
SELECT *
FROM read_json(
    ?,
    format = 'newline_delimited',
    columns = {
        item_id: 'VARCHAR', title: 'VARCHAR', category: 'VARCHAR', tags: 'VARCHAR[]', brand: 'VARCHAR',
        price: 'DOUBLE', available: 'BOOLEAN', created_at: 'VARCHAR'
    }
)
