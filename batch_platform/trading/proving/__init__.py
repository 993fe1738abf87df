"""The proof of trading: contests played by the engine, against an oracle.

oracle   what a contest must come to, computed apart: it imports nothing of the platform
"""
