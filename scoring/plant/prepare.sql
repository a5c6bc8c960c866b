-- Measurements of the plant, in the files of a day, to the rows that a job scores: each moment once, in order.
--
-- One SELECT in the T-SQL of Synapse serverless SQL: the source query of a Copy activity, and the same text on one
-- machine. Placeholders, all replaced by scoring/preparation.py or by replace() in a Data Factory expression:
--   {lake}          name of the storage account
--   {date}          yyyy/MM/dd of the window's start; a window never crosses midnight UTC
--   {window_start}, {window_end}   yyyy-MM-ddTHH:mm:ss, UTC; the start belongs to the window, the end does not
--   {first_hour}    HH of the window's start
-- No other braces may stand here, and comments take whole lines.
--
-- Source: container `static`, a folder per day, CSV and Parquet side by side, every value as the text that was written.
-- CSV under HEADER_ROW and Parquet are both bound by name. Text that is no number (`Bad`) is NULL: the scoring script
-- says which rows it cannot do without it. Each path must mean at least one file, or the service gives error 13807.
-- All texts of interest are ASCII, so that VARCHAR needs no UTF-8 collation.
-- Tie: of several rows of one moment the one stays whose file's address sorts last; within a file, the highest texts.
-- A row whose time cannot be read belongs to no window. It goes with the day's first, to be rejected with a reason.
-- A row counts on the day of its time, and is looked for in that day's folder only: late rows go into their own day's.

WITH Written AS (
    SELECT c.*, c.filepath() AS Address
    FROM OPENROWSET(
        BULK 'https://{lake}.dfs.core.windows.net/static/{date}/*.csv',
        FORMAT = 'CSV', PARSER_VERSION = '2.0', HEADER_ROW = TRUE
    ) WITH (
        Time VARCHAR(32), tag100 VARCHAR(32), tag8 VARCHAR(32), tag17 VARCHAR(32), tag22 VARCHAR(32),
        tag24 VARCHAR(32), tag25 VARCHAR(32), tag29 VARCHAR(32), tag38 VARCHAR(32), tag39 VARCHAR(32),
        tag40 VARCHAR(32), tag41 VARCHAR(32), tag44 VARCHAR(32), tag74 VARCHAR(32), tag84 VARCHAR(32),
        tag91 VARCHAR(32), tag97 VARCHAR(32), tag102 VARCHAR(32), tag103 VARCHAR(32), tag104 VARCHAR(32),
        tag105 VARCHAR(32), tag106 VARCHAR(32), tag2 VARCHAR(32), tag34 VARCHAR(32), tag36 VARCHAR(32),
        tag70 VARCHAR(32), tag72 VARCHAR(32)
    ) AS c
    UNION ALL
    SELECT p.*, p.filepath() AS Address
    FROM OPENROWSET(
        BULK 'https://{lake}.dfs.core.windows.net/static/{date}/*.parquet',
        FORMAT = 'PARQUET'
    ) WITH (
        Time VARCHAR(32), tag100 VARCHAR(32), tag8 VARCHAR(32), tag17 VARCHAR(32), tag22 VARCHAR(32),
        tag24 VARCHAR(32), tag25 VARCHAR(32), tag29 VARCHAR(32), tag38 VARCHAR(32), tag39 VARCHAR(32),
        tag40 VARCHAR(32), tag41 VARCHAR(32), tag44 VARCHAR(32), tag74 VARCHAR(32), tag84 VARCHAR(32),
        tag91 VARCHAR(32), tag97 VARCHAR(32), tag102 VARCHAR(32), tag103 VARCHAR(32), tag104 VARCHAR(32),
        tag105 VARCHAR(32), tag106 VARCHAR(32), tag2 VARCHAR(32), tag34 VARCHAR(32), tag36 VARCHAR(32),
        tag70 VARCHAR(32), tag72 VARCHAR(32)
    ) AS p
),

Measured AS (
    SELECT
        Written.*,
        TRY_CAST(Time AS DATETIME2(6)) AS WindowEnd,
        ROW_NUMBER() OVER (
            PARTITION BY TRY_CAST(Time AS DATETIME2(6))
            ORDER BY
                Address DESC, tag100 DESC, tag8 DESC, tag17 DESC, tag22 DESC, tag24 DESC, tag25 DESC, tag29 DESC,
                tag38 DESC, tag39 DESC, tag40 DESC, tag41 DESC, tag44 DESC, tag74 DESC, tag84 DESC, tag91 DESC,
                tag97 DESC, tag102 DESC, tag103 DESC, tag104 DESC, tag105 DESC, tag106 DESC, tag2 DESC, tag34 DESC,
                tag36 DESC, tag70 DESC, tag72 DESC
        ) AS Copy
    FROM Written
)

SELECT
    CAST(WindowEnd AS DATETIME2(6)) AS WindowEnd,
    CAST('plant' AS VARCHAR(256)) AS DeviceId,
    CAST('tag100' AS VARCHAR(256)) AS SensorId,
    CAST(TRY_CAST(tag100 AS FLOAT) AS FLOAT) AS tag100,
    CAST(TRY_CAST(tag8 AS FLOAT) AS FLOAT) AS tag8,
    CAST(TRY_CAST(tag17 AS FLOAT) AS FLOAT) AS tag17,
    CAST(TRY_CAST(tag22 AS FLOAT) AS FLOAT) AS tag22,
    CAST(TRY_CAST(tag24 AS FLOAT) AS FLOAT) AS tag24,
    CAST(TRY_CAST(tag25 AS FLOAT) AS FLOAT) AS tag25,
    CAST(TRY_CAST(tag29 AS FLOAT) AS FLOAT) AS tag29,
    CAST(TRY_CAST(tag38 AS FLOAT) AS FLOAT) AS tag38,
    CAST(TRY_CAST(tag39 AS FLOAT) AS FLOAT) AS tag39,
    CAST(TRY_CAST(tag40 AS FLOAT) AS FLOAT) AS tag40,
    CAST(TRY_CAST(tag41 AS FLOAT) AS FLOAT) AS tag41,
    CAST(TRY_CAST(tag44 AS FLOAT) AS FLOAT) AS tag44,
    CAST(TRY_CAST(tag74 AS FLOAT) AS FLOAT) AS tag74,
    CAST(TRY_CAST(tag84 AS FLOAT) AS FLOAT) AS tag84,
    CAST(TRY_CAST(tag91 AS FLOAT) AS FLOAT) AS tag91,
    CAST(TRY_CAST(tag97 AS FLOAT) AS FLOAT) AS tag97,
    CAST(TRY_CAST(tag102 AS FLOAT) AS FLOAT) AS tag102,
    CAST(TRY_CAST(tag103 AS FLOAT) AS FLOAT) AS tag103,
    CAST(TRY_CAST(tag104 AS FLOAT) AS FLOAT) AS tag104,
    CAST(TRY_CAST(tag105 AS FLOAT) AS FLOAT) AS tag105,
    CAST(TRY_CAST(tag106 AS FLOAT) AS FLOAT) AS tag106,
    CAST(TRY_CAST(tag2 AS FLOAT) AS FLOAT) AS tag2,
    CAST(TRY_CAST(tag34 AS FLOAT) AS FLOAT) AS tag34,
    CAST(TRY_CAST(tag36 AS FLOAT) AS FLOAT) AS tag36,
    CAST(TRY_CAST(tag70 AS FLOAT) AS FLOAT) AS tag70,
    CAST(TRY_CAST(tag72 AS FLOAT) AS FLOAT) AS tag72
FROM Measured
WHERE
    (WindowEnd >= '{window_start}' AND WindowEnd < '{window_end}' AND Copy = 1)
    OR (WindowEnd IS NULL AND '{first_hour}' = '00')
ORDER BY WindowEnd, DeviceId, SensorId
