-- The numbers of erased users: what kept days know them by.
-- In: erased_names.  Out: who BIGINT, made of a pseudonym as in people.sql.
SELECT CAST(md5_number_lower(name) & 9223372036854775807::UBIGINT AS BIGINT) AS who
FROM erased_names
