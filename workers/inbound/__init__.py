"""Process `inbound`: reads the clinics' mailboxes by IMAP, with a thread for each of them."""
