// What a test says of a planted mistake: the model finds it.
#ifndef SLUICE_TESTS_MODEL_EXPECT_PLANTED_H_
#define SLUICE_TESTS_MODEL_EXPECT_PLANTED_H_

#include "tests/model/expect.h"
#include "tests/model/planted.h"

namespace sluice::model {

inline void ExpectPlantedFails(const char* mistake, const Model& model,
                               const Options& options = {}) {
  planted = mistake;
  ExpectFails(model, options);
  planted = "";
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_EXPECT_PLANTED_H_
