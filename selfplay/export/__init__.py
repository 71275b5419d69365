"""Our players inside other people's programs: Kaggle, Gomocup managers."""
