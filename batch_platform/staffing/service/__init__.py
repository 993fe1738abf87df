"""The use cases of staffing: what assets, the API and the command line call.

context     what every use case works with
loading     facts from JSON Lines
"""

from batch_platform.staffing.service.context import StaffingContext

__all__ = ["StaffingContext"]
