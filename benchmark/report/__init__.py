"""What is read of a benchmark: one page, one Markdown file, one table, all made from the kept results."""
