"""The live state shared by nodes: queues, sessions, tokens, rates. Redis, or the same commands inside this process.

What is kept here may be lost: whoever writes it can write it again, or people sign in again. What must last is in
`gateway.records`.
"""
