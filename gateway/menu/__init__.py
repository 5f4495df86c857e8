"""Menus: what a customer is asked before a person is. Documents, their checker, and the interpreter of one walk."""
