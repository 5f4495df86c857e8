"""Who the customers are: the CRM port, its adapters, and what is written down of every contact."""
