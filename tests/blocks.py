"""A block of houses that every house price app takes: the example of its documentation."""

BLOCK = {
    "median_income_in_block": 8.3252,
    "median_house_age_in_block": 41,
    "average_rooms": 6.98,
    "average_bedrooms": 1.02,
    "population_per_block": 322,
    "average_house_occupancy": 2.56,
    "block_latitude": 37.88,
    "block_longitude": -122.23,
}
