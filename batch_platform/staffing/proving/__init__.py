"""How staffing's answers are checked: an oracle, and random questions and facts to ask it and the product alike.

oracle      what staffing must answer, computed apart: it imports nothing of the platform
questions   random lines of `staffing calc`, of each kind
worlds      random files of `staffing load`
"""
