"""Who answers: what a method is, the shipped ones, and answers that were made elsewhere."""
