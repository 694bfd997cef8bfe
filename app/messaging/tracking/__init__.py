"""Opens and clicks of e-mails to leads: tracked links, the classification of hits, and their counts."""
