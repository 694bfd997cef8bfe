"""The part `stream`: writes live events to the clients whose sockets the API hands over."""
