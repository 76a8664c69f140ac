// The same for tests; it follows standard.h.

#include "gtest/gtest.h"
