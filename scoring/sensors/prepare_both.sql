-- Feature rows of some hours, from the stream's files and from files that are put beside them: what prepare.sql is for
-- the stream alone, for a stack with `ingestion: both`. Placeholders as there, and
--   {window_start}, {window_end}   yyyy-MM-ddTHH:mm:ss, UTC; the start belongs to the window, the end does not
--
-- Sources: container `features` as in prepare.sql; container `static`, a folder per day, Parquet files of feature rows
-- that somebody else has made, such as devices without a network that are read out by hand. Each path must mean at
-- least one file, or the service gives error 13807: on a day without such rows, one file without rows.
-- Tie: a row that both bring is the one with the most events; else as in prepare.sql.
-- A row counts on the day of its WindowEnd, and is looked for in that day's folder only. A row without WindowEnd goes
-- with the day's first window, to be rejected with a reason.

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
    UNION ALL
    SELECT s.*, s.filepath() AS Address
    FROM OPENROWSET(
        BULK 'https://{lake}.dfs.core.windows.net/static/{date}/*.parquet',
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
    ) AS s
    WHERE
        (s.WindowEnd >= '{window_start}' AND s.WindowEnd < '{window_end}')
        OR (s.WindowEnd IS NULL AND '{first_hour}' = '00')
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
