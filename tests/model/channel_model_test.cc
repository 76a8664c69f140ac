// Oneshot and Mpsc, the real code.
#include "tests/model/channel_model.h"

namespace sluice::model {
namespace {

TEST(ChannelModel, OneshotPass) { ExpectHolds(OneshotPass); }
TEST(ChannelModel, OneshotSend) { ExpectHolds(OneshotSend); }
TEST(ChannelModel, OneshotEnd) { ExpectHolds(OneshotEnd); }
TEST(ChannelModel, OneshotClosed) { ExpectHolds(OneshotClosed); }
TEST(ChannelModel, OneshotDrop) { ExpectHolds(OneshotDrop); }
TEST(ChannelModel, MpscPass) { ExpectHolds(MpscPass); }
TEST(ChannelModel, MpscSendGivesUp) { ExpectHolds(MpscSendGivesUp); }
TEST(ChannelModel, MpscReceiveGivesUp) { ExpectHolds(MpscReceiveGivesUp); }
TEST(ChannelModel, MpscClose) { ExpectHolds(MpscClose); }
TEST(ChannelModel, MpscReceiverGoes) { ExpectHolds(MpscReceiverGoes); }
TEST(ChannelModel, MpscPermit) { ExpectHolds(MpscPermit); }

}  // namespace
}  // namespace sluice::model
