"""What call centers tell beside the call (CTI): readers of Asterisk's AMI and FreeSWITCH's ESL for an ACD in call mode.

The ACD has the call; here its events are read, put into our words, and matched to a contact by the correlation id that
the call carried. Knows no SIP, no media and no contact: only correlation ids and the ACD's names of agents and queues.
"""
