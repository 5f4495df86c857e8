"""Links that bring a customer into a video call with an agent they are talking to by telephone."""
