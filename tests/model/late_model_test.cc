// Late timers, the real code of Worker: what came while two workers were stopped is seen before a
// timer fires, also where the one has the timer and the other what came; and the timer fires.
#include "tests/model/late_model.h"

namespace sluice::model {
namespace {

TEST(Late, ThePauseInterruptsALook) {
  ExpectHolds(BothLate(true), {.preemptions = 2});
  ExpectHolds(BothLate(true), {.samples = 5'000});
}
TEST(Late, ThePauseComesAtAnyMoment) {
  ExpectHolds(BothLate(false), {.preemptions = 1});
  ExpectHolds(BothLate(false), {.samples = 5'000});
}
TEST(Late, WhatCameIsWithTheOtherInTheMailbox) {
  ExpectHolds(BothLate(false, /*by_mail=*/true), {.preemptions = 2});
  ExpectHolds(BothLate(false, /*by_mail=*/true), {.samples = 5'000});
}

}  // namespace
}  // namespace sluice::model
