"""What is measured: one track an application, from a case and an answer to figures."""
