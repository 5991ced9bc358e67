"""What the curriculum promises: which lesson owes which objective and criterion."""

OBJECTIVES = {
    1: ("LO-001", "LO-002", "LO-003"),
    2: ("LO-004", "LO-005", "LO-006"),
    3: ("LO-007", "LO-008", "LO-009"),
    4: ("LO-010", "LO-011", "LO-012"),
    5: ("LO-013", "LO-014", "LO-015"),
    6: ("LO-016", "LO-017", "LO-018"),
    7: ("LO-019", "LO-020", "LO-021"),
    8: ("LO-022", "LO-023", "LO-024", "LO-025"),
}
CRITERIA = {
    1: ("SC-001",),
    2: ("SC-002", "SC-003"),
    3: ("SC-003",),
    4: ("SC-004",),
    5: ("SC-005",),
    6: ("SC-006",),
    7: ("SC-007",),
    8: ("SC-008",),
}
