-- Purpose: what exposures and outcomes of a synthetic log must say alike: ids, items and times of the exposure with
-- number n. Each is worked out from the number alone, so any stretch of rows can be made by itself.
-- Out: macros log_request(n), log_first(n), log_item(first, place), log_us(n), log_surface(n); time in microseconds
-- since 1970.
-- Holes: salt (of the seed), catalogue (how many items there are; it and the step between two places are coprime),
-- start_us, step_us (between two exposures), surfaces (how many there are).
CREATE OR REPLACE TEMP MACRO log_request(n) AS md5((${salt} + n)::VARCHAR);
CREATE OR REPLACE TEMP MACRO log_first(n) AS
    floor(${catalogue} * pow((hash(${salt} + 4 * n) >> 11) / 9007199254740992.0, 2))::BIGINT;
CREATE OR REPLACE TEMP MACRO log_item(first, place) AS
    'item-' || ((first + (place - 1) * 7919) % ${catalogue})::VARCHAR;
CREATE OR REPLACE TEMP MACRO log_us(n) AS ${start_us} + n * ${step_us};
CREATE OR REPLACE TEMP MACRO log_surface(n) AS 'surface-' || (hash(${salt} + 4 * n + 1) % ${surfaces})::VARCHAR;
