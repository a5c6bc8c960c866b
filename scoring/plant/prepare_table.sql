-- Measurements of the plant, in a table of Azure SQL, to the rows that a job scores: what prepare.sql is for files.
--
-- For a stack with `ingestion: static` and `staticSource: table`. One SELECT: the source query of a Copy activity from
-- the database of results, as the factory's own user. Placeholders as in prepare.sql:
--   {window_start}, {window_end}, {first_hour}
--
-- Source: dbo.measurements (Loaded DATETIME2(3) NOT NULL, Time NVARCHAR(32) NULL, tag0 NVARCHAR(32) NULL, … tag107),
-- every value as the text that was written. The table is the data owner's: no deploy makes it, and its owner lets the
-- factory in by GRANT SELECT ON OBJECT::dbo.measurements TO loader.
-- Tie: of several rows of one moment the one that was loaded last stays; of those, the one with the highest texts.
-- A row whose time cannot be read goes with the first window of the day on which it was loaded.

WITH Measured AS (
    SELECT
        m.*,
        TRY_CAST(Time AS DATETIME2(6)) AS WindowEnd,
        ROW_NUMBER() OVER (
            PARTITION BY TRY_CAST(Time AS DATETIME2(6))
            ORDER BY
                Loaded DESC, tag100 DESC, tag8 DESC, tag17 DESC, tag22 DESC, tag24 DESC, tag25 DESC, tag29 DESC,
                tag38 DESC, tag39 DESC, tag40 DESC, tag41 DESC, tag44 DESC, tag74 DESC, tag84 DESC, tag91 DESC,
                tag97 DESC, tag102 DESC, tag103 DESC, tag104 DESC, tag105 DESC, tag106 DESC, tag2 DESC, tag34 DESC,
                tag36 DESC, tag70 DESC, tag72 DESC
        ) AS Copy
    FROM dbo.measurements AS m
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
    OR (
        WindowEnd IS NULL AND '{first_hour}' = '00'
        AND CAST(Loaded AS DATE) = CAST(CAST('{window_start}' AS DATETIME2(6)) AS DATE)
    )
ORDER BY WindowEnd, DeviceId, SensorId
