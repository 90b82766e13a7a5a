"""What the person scanned has allowed, and who used it: consents, licences, approvals, a ledger, marks."""
