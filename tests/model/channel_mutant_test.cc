// Oneshot and Mpsc with planted mistakes: each has to be found. The copies come first: their guards
// keep the real headers out.
#include "tests/model/planted/bounded_channel.h"
#include "tests/model/planted/oneshot.h"
//
#include "tests/model/channel_model.h"
#include "tests/model/expect_planted.h"

namespace sluice::model {
namespace {

TEST(ChannelMutant, None) {
  ExpectHolds(OneshotSend);
  ExpectHolds(MpscPass);
}
TEST(ChannelMutant, OneshotLooksBeforeItQueues) {
  ExpectPlantedFails("oneshot looks before it queues", OneshotPass);
}
TEST(ChannelMutant, OneshotWakesNone) { ExpectPlantedFails("oneshot wakes none", OneshotPass); }
TEST(ChannelMutant, OneshotEndIsNotTold) {
  ExpectPlantedFails("oneshot's end is not told", OneshotEnd);
}
TEST(ChannelMutant, OneshotCloseIsNotTold) {
  ExpectPlantedFails("oneshot's close is not told", OneshotClosed);
}
TEST(ChannelMutant, OneshotDoesNotLookAgain) {
  ExpectPlantedFails("oneshot does not look again", OneshotClosed);
}
TEST(ChannelMutant, OneshotCancelledAndWoken) {
  ExpectPlantedFails("oneshot cancelled and woken", OneshotSend);
}
TEST(ChannelMutant, OneshotSendsIntoNothing) {
  ExpectPlantedFails("oneshot sends into nothing", OneshotDrop);
}
TEST(ChannelMutant, ReceiveLooksBeforeItQueues) {
  ExpectPlantedFails("receive looks before it queues", MpscPass);
}
TEST(ChannelMutant, SendLooksBeforeItQueues) {
  ExpectPlantedFails("send looks before it queues", MpscPass);
}
TEST(ChannelMutant, ReceiveServesNone) { ExpectPlantedFails("receive serves none", MpscPass); }
TEST(ChannelMutant, TakenSendWaitsOn) {
  ExpectPlantedFails("filled without its sender", MpscSendGivesUp);
}
TEST(ChannelMutant, ValueForNone) {
  ExpectPlantedFails("handed to one that left", MpscReceiveGivesUp);
}
TEST(ChannelMutant, LastSenderIsNotTold) {
  ExpectPlantedFails("the last sender is not told", MpscPass);
}
TEST(ChannelMutant, CloseIsNotTold) { ExpectPlantedFails("close is not told", MpscClose); }
TEST(ChannelMutant, ReceiverThatGoesIsNotTold) {
  ExpectPlantedFails("close is not told", MpscReceiverGoes);
}
TEST(ChannelMutant, ReturnedSlotServesNone) {
  ExpectPlantedFails("a returned slot serves none", MpscPermit);
}

}  // namespace
}  // namespace sluice::model
