"""Words and sentences with which leads ask for no more messages, in six languages."""
