"""The words of clock and calendar: keys into the catalogue, by number.

Whole forms rather than an hour put into a pattern, because languages bend them differently: what
English calls "half past two", German calls "halb drei".
"""

from __future__ import annotations

from apps.calls.speech.catalogue import mark_word

# Monday first, as date.weekday() counts.
WEEKDAYS = (
    mark_word("weekday", "Monday"),
    mark_word("weekday", "Tuesday"),
    mark_word("weekday", "Wednesday"),
    mark_word("weekday", "Thursday"),
    mark_word("weekday", "Friday"),
    mark_word("weekday", "Saturday"),
    mark_word("weekday", "Sunday"),
)

# January first.
MONTHS = (
    mark_word("month", "January"),
    mark_word("month", "February"),
    mark_word("month", "March"),
    mark_word("month", "April"),
    mark_word("month", "May"),
    mark_word("month", "June"),
    mark_word("month", "July"),
    mark_word("month", "August"),
    mark_word("month", "September"),
    mark_word("month", "October"),
    mark_word("month", "November"),
    mark_word("month", "December"),
)

# The first first.
DAYS = (
    mark_word("day of the month", "1st"),
    mark_word("day of the month", "2nd"),
    mark_word("day of the month", "3rd"),
    mark_word("day of the month", "4th"),
    mark_word("day of the month", "5th"),
    mark_word("day of the month", "6th"),
    mark_word("day of the month", "7th"),
    mark_word("day of the month", "8th"),
    mark_word("day of the month", "9th"),
    mark_word("day of the month", "10th"),
    mark_word("day of the month", "11th"),
    mark_word("day of the month", "12th"),
    mark_word("day of the month", "13th"),
    mark_word("day of the month", "14th"),
    mark_word("day of the month", "15th"),
    mark_word("day of the month", "16th"),
    mark_word("day of the month", "17th"),
    mark_word("day of the month", "18th"),
    mark_word("day of the month", "19th"),
    mark_word("day of the month", "20th"),
    mark_word("day of the month", "21st"),
    mark_word("day of the month", "22nd"),
    mark_word("day of the month", "23rd"),
    mark_word("day of the month", "24th"),
    mark_word("day of the month", "25th"),
    mark_word("day of the month", "26th"),
    mark_word("day of the month", "27th"),
    mark_word("day of the month", "28th"),
    mark_word("day of the month", "29th"),
    mark_word("day of the month", "30th"),
    mark_word("day of the month", "31st"),
)

# 00:00 to 23:00.
FULL_HOURS = (
    mark_word("full hour", "12 am"),
    mark_word("full hour", "1 am"),
    mark_word("full hour", "2 am"),
    mark_word("full hour", "3 am"),
    mark_word("full hour", "4 am"),
    mark_word("full hour", "5 am"),
    mark_word("full hour", "6 am"),
    mark_word("full hour", "7 am"),
    mark_word("full hour", "8 am"),
    mark_word("full hour", "9 am"),
    mark_word("full hour", "10 am"),
    mark_word("full hour", "11 am"),
    mark_word("full hour", "noon"),
    mark_word("full hour", "1 pm"),
    mark_word("full hour", "2 pm"),
    mark_word("full hour", "3 pm"),
    mark_word("full hour", "4 pm"),
    mark_word("full hour", "5 pm"),
    mark_word("full hour", "6 pm"),
    mark_word("full hour", "7 pm"),
    mark_word("full hour", "8 pm"),
    mark_word("full hour", "9 pm"),
    mark_word("full hour", "10 pm"),
    mark_word("full hour", "11 pm"),
)

# The same hours where a second one follows.
FIRST_HOURS = (
    mark_word("full hour before another", "12 am"),
    mark_word("full hour before another", "1 am"),
    mark_word("full hour before another", "2 am"),
    mark_word("full hour before another", "3 am"),
    mark_word("full hour before another", "4 am"),
    mark_word("full hour before another", "5 am"),
    mark_word("full hour before another", "6 am"),
    mark_word("full hour before another", "7 am"),
    mark_word("full hour before another", "8 am"),
    mark_word("full hour before another", "9 am"),
    mark_word("full hour before another", "10 am"),
    mark_word("full hour before another", "11 am"),
    mark_word("full hour before another", "noon"),
    mark_word("full hour before another", "1 pm"),
    mark_word("full hour before another", "2 pm"),
    mark_word("full hour before another", "3 pm"),
    mark_word("full hour before another", "4 pm"),
    mark_word("full hour before another", "5 pm"),
    mark_word("full hour before another", "6 pm"),
    mark_word("full hour before another", "7 pm"),
    mark_word("full hour before another", "8 pm"),
    mark_word("full hour before another", "9 pm"),
    mark_word("full hour before another", "10 pm"),
    mark_word("full hour before another", "11 pm"),
)

# Any minute of the hours 0 to 23.
MINUTES = (
    mark_word("hour and minute", "12:{minute:02d} am"),
    mark_word("hour and minute", "1:{minute:02d} am"),
    mark_word("hour and minute", "2:{minute:02d} am"),
    mark_word("hour and minute", "3:{minute:02d} am"),
    mark_word("hour and minute", "4:{minute:02d} am"),
    mark_word("hour and minute", "5:{minute:02d} am"),
    mark_word("hour and minute", "6:{minute:02d} am"),
    mark_word("hour and minute", "7:{minute:02d} am"),
    mark_word("hour and minute", "8:{minute:02d} am"),
    mark_word("hour and minute", "9:{minute:02d} am"),
    mark_word("hour and minute", "10:{minute:02d} am"),
    mark_word("hour and minute", "11:{minute:02d} am"),
    mark_word("hour and minute", "12:{minute:02d} pm"),
    mark_word("hour and minute", "1:{minute:02d} pm"),
    mark_word("hour and minute", "2:{minute:02d} pm"),
    mark_word("hour and minute", "3:{minute:02d} pm"),
    mark_word("hour and minute", "4:{minute:02d} pm"),
    mark_word("hour and minute", "5:{minute:02d} pm"),
    mark_word("hour and minute", "6:{minute:02d} pm"),
    mark_word("hour and minute", "7:{minute:02d} pm"),
    mark_word("hour and minute", "8:{minute:02d} pm"),
    mark_word("hour and minute", "9:{minute:02d} pm"),
    mark_word("hour and minute", "10:{minute:02d} pm"),
    mark_word("hour and minute", "11:{minute:02d} pm"),
)

# Of 12 or 0, 1 or 13 … 11 or 23.
QUARTER_PAST = (
    mark_word("quarter hour", "quarter past twelve"),
    mark_word("quarter hour", "quarter past one"),
    mark_word("quarter hour", "quarter past two"),
    mark_word("quarter hour", "quarter past three"),
    mark_word("quarter hour", "quarter past four"),
    mark_word("quarter hour", "quarter past five"),
    mark_word("quarter hour", "quarter past six"),
    mark_word("quarter hour", "quarter past seven"),
    mark_word("quarter hour", "quarter past eight"),
    mark_word("quarter hour", "quarter past nine"),
    mark_word("quarter hour", "quarter past ten"),
    mark_word("quarter hour", "quarter past eleven"),
)

# Of the same hours: 12:30 is the first.
HALF_PAST = (
    mark_word("quarter hour", "half past twelve"),
    mark_word("quarter hour", "half past one"),
    mark_word("quarter hour", "half past two"),
    mark_word("quarter hour", "half past three"),
    mark_word("quarter hour", "half past four"),
    mark_word("quarter hour", "half past five"),
    mark_word("quarter hour", "half past six"),
    mark_word("quarter hour", "half past seven"),
    mark_word("quarter hour", "half past eight"),
    mark_word("quarter hour", "half past nine"),
    mark_word("quarter hour", "half past ten"),
    mark_word("quarter hour", "half past eleven"),
)

# In the same hours: 12:45 is the first.
QUARTER_TO = (
    mark_word("quarter hour", "quarter to one"),
    mark_word("quarter hour", "quarter to two"),
    mark_word("quarter hour", "quarter to three"),
    mark_word("quarter hour", "quarter to four"),
    mark_word("quarter hour", "quarter to five"),
    mark_word("quarter hour", "quarter to six"),
    mark_word("quarter hour", "quarter to seven"),
    mark_word("quarter hour", "quarter to eight"),
    mark_word("quarter hour", "quarter to nine"),
    mark_word("quarter hour", "quarter to ten"),
    mark_word("quarter hour", "quarter to eleven"),
    mark_word("quarter hour", "quarter to twelve"),
)
