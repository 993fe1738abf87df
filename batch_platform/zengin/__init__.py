"""zengin: the master of Japan's banks and branches, changed only by what two people could see and one approved.

zengin_snapshot -> zengin_diff -> (people decide) -> zengin_apply -> bank_master
"""
