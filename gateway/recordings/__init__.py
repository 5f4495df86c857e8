"""The recording beside a call: consent, start, pause, end, sealing. It may fail; its call never does."""
