-- Feature rows of some hours, in the files that the stream wrote, to the rows that a job scores: each once, in order.
--
-- One SELECT in the T-SQL of Synapse serverless SQL: the source query of a Copy activity, and the same text on one
-- machine. Placeholders, all replaced by scoring/preparation.py or by replace() in a Data Factory expression:
--   {lake}          name of the storage account
--   {date}          yyyy/MM/dd of the window's start; a window never crosses midnight UTC
--   {first_hour}, {last_hour}   HH of the first and the last hour of the window
-- No other braces may stand here, and comments take whole lines.
--
-- Source: container `features`, folders yyyy/MM/dd/HH by the window's end. filepath(1) is the hour: Synapse reads only
-- the folders that it names. Names and types are those of the files; a column that they lack would be NULL.
-- Tie: Stream Analytics writes at least once, so after a restart a window may lie in two files. The row with the most
-- events stays; among equals the one whose file's address sorts last; within a file the one with the highest values.
-- Rows without a whole key cannot be told apart: all stay, to be rejected with a reason.
-- Keys are compared by their bytes: the default collation would fold `Pump` and `pump` into one.

WITH Written AS (
    SELECT r.*, r.filepath() AS Address
    FROM OPENROWSET(
        BULK 'https://{lake}.dfs.core.windows.net/features/{date}/*/*.parquet',
        FORMAT = 'PARQUET'
    ) WITH (
        WindowEnd DATETIME2(6),
        DeviceId VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8,
        SensorId VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8,
        Events BIGINT,
        Duplicates BIGINT,
        Mean FLOAT,
        Minimum FLOAT,
        Maximum FLOAT,
        Deviation FLOAT
    ) AS r
    WHERE r.filepath(1) >= '{first_hour}' AND r.filepath(1) <= '{last_hour}'
),

Ranked AS (
    SELECT
        Written.*,
        ROW_NUMBER() OVER (
            PARTITION BY WindowEnd, DeviceId, SensorId
            ORDER BY
                Events DESC, Address DESC, Duplicates DESC, Mean DESC, Minimum DESC, Maximum DESC, Deviation DESC
        ) AS Copy
    FROM Written
)

SELECT
    CAST(WindowEnd AS DATETIME2(6)) AS WindowEnd,
    CAST(DeviceId AS VARCHAR(256)) AS DeviceId,
    CAST(SensorId AS VARCHAR(256)) AS SensorId,
    CAST(Events AS BIGINT) AS Events,
    CAST(Duplicates AS BIGINT) AS Duplicates,
    CAST(Mean AS FLOAT) AS Mean,
    CAST(Minimum AS FLOAT) AS Minimum,
    CAST(Maximum AS FLOAT) AS Maximum,
    CAST(Deviation AS FLOAT) AS Deviation
FROM Ranked
WHERE Copy = 1 OR WindowEnd IS NULL OR DeviceId IS NULL OR SensorId IS NULL
ORDER BY WindowEnd, DeviceId, SensorId
