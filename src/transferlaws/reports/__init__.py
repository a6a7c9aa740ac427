"""What is written when a study is done: results, their account, a report."""
