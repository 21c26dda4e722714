"""Why an evaluation looks wrong: walks the symptoms an expert looks for, in a report and the data it was made of."""
