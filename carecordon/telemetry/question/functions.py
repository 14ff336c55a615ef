"""The functions that a question may use: none reads a file, opens a connection, waits, or tells of the machine."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS = _words(
    # counts and groups
    "count countIf uniq uniqIf uniqExact uniqExactIf min minIf max maxIf sum sumIf avg avgIf any anyIf anyLast "
    "argMin argMax groupArray groupUniqArray topK quantile quantiles median "
    # text
    "lower upper length lengthUTF8 empty notEmpty substring substringUTF8 left right trim "
    "concat reverse replaceAll replaceOne replaceRegexpAll replaceRegexpOne position "
    "positionCaseInsensitive positionUTF8 startsWith endsWith match extract extractAll splitByChar splitByString "
    "like ilike notLike notILike hasToken multiSearchAny multiSearchAnyCaseInsensitive countSubstrings "
    "hex unhex toString toValidUTF8 format "
    # numbers
    "abs round floor ceil ceiling intDiv modulo least greatest log log2 log10 sqrt exp pow power bitAnd bitOr "
    "bitXor toInt64 toInt32 toUInt64 toUInt32 toFloat64 toInt64OrNull toInt64OrZero toFloat64OrNull plus minus "
    "multiply divide negate "
    # time
    "now today yesterday toDate toDateTime toDateTime64 toUnixTimestamp toUnixTimestamp64Nano "
    "toUnixTimestamp64Milli fromUnixTimestamp64Nano fromUnixTimestamp64Milli fromUnixTimestamp toStartOfInterval "
    "toStartOfMinute toStartOfFiveMinutes toStartOfHour toStartOfDay toStartOfWeek toStartOfMonth toYear toMonth "
    "toDayOfWeek toDayOfMonth toHour toMinute toSecond dateDiff dateTrunc formatDateTime parseDateTimeBestEffort "
    "parseDateTime64BestEffort toIntervalSecond toIntervalMinute toIntervalHour "
    "toIntervalDay toIntervalWeek addSeconds addMinutes addHours addDays date_diff subtractSeconds "
    "subtractMinutes subtractHours subtractDays timeSlot "
    # choice and nothing
    "if multiIf ifNull nullIf coalesce isNull isNotNull assumeNotNull equals notEquals less greater lessOrEquals "
    "greaterOrEquals and or not xor notIn transform toNullable "
    # lists and maps
    "has hasAny hasAll arrayElement arrayJoin arrayDistinct arraySort arrayReverse arraySlice arrayStringConcat "
    "arrayConcat arrayCount arrayUniq indexOf array tuple tupleElement map mapKeys mapValues mapContains "
    # addresses
    "isIPv4String isIPv6String isIPAddressInRange IPv4StringToNum IPv4StringToNumOrNull IPv4NumToString toIPv4 "
    "toIPv6 cutToFirstSignificantSubdomain domain domainWithoutWWW topLevelDomain "
    # windows
    "row_number rank dense_rank lagInFrame leadInFrame first_value last_value nth_value lag lead "
    # what the client asks of a server
    "version timezone "
)

TYPES = _words("String Int64 Int32 UInt64 UInt32 Float64 Date DateTime DateTime64(9) DateTime64(3) Bool")
"""Types that a value may be cast to."""

KEYWORDS = _words(
    "SELECT DISTINCT AS FROM WHERE PREWHERE GROUP BY HAVING ORDER ASC DESC NULLS FIRST LAST LIMIT OFFSET UNION "
    "ALL EXCEPT INTERSECT WITH JOIN INNER LEFT RIGHT FULL OUTER CROSS ON USING AND OR NOT IN IS NULL LIKE ILIKE "
    "BETWEEN CASE WHEN THEN ELSE END CAST INTERVAL SECOND MINUTE HOUR DAY WEEK MONTH YEAR TRUE FALSE OVER "
    "PARTITION ROWS RANGE UNBOUNDED PRECEDING FOLLOWING CURRENT ROW EXISTS DIV MOD "
)
"""Bare words that may stand in a rebuilt question beside functions and types; names are quoted."""
