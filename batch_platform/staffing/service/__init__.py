"""The use cases of staffing: what assets, the API and the command line call.

context     what every use case works with
loading     facts from JSON Lines
statuses    the status of engineers by day, as known and as corrected
accounts    companies and users that somebody has to look at
usage       what a day came to
"""

from batch_platform.staffing.service.context import StaffingContext

__all__ = ["StaffingContext"]
