"""FreeSWITCH: its event socket (ESL, inbound mode) and mod_callcenter."""
