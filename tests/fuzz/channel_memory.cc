// Channel: what reads and writes memory of its own (a send, a write, a message), and opens.
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "tests/fuzz/channel_link.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {

using core::Task;

namespace {

// A message of one part, in `header`.
void PutInto(msghdr& header, iovec& part, std::string& text) {
  part = {.iov_base = text.data(), .iov_len = text.size()};
  header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
}

}  // namespace

void Channel::BeginRead(uint32_t amount, uint32_t way) {
  Link& link = *link_;
  if (link.recv.in_flight || link.recv.has_buffer() || link.end_seen || !link.room.empty()) return;
  if (link.poll.in_flight && (link.poll.events & POLLOUT) == 0) return;  // R1
  link.room.assign(std::min<size_t>(amount, 1 << 16), '!');
  core::SingleShotBase* const all[] = {&link.recv_into, &link.recv_message, &link.read};
  link.reader = all[way - 1];
  if (link.reader != &link.recv_into) link.recv_into.drained = false;
  if (link.reader == &link.recv_message) {
    PutInto(link.room_header, link.room_part, link.room);
    link.reader->data = &link.room_header;
  } else {
    link.reader->data = link.room.data();
    link.reader->size = static_cast<uint32_t>(link.room.size());
  }
  (void)Submit(*link.reader);
}

// If a read has ended: its bytes are the next ones.
void Channel::NoteRead() {
  Link& link = *link_;
  if (link.reader->in_flight || link.room.empty()) return;
  const int32_t result = link.reader->result;
  const std::string room = std::exchange(link.room, {});
  const size_t count = result > 0 ? static_cast<size_t>(result) : 0;
  Expect(count <= room.size(), "a read brings no more than it has room for");
  const std::string text = room.substr(0, count);
  Expect(text == Payload(link.down_received, count, /*up=*/false), "bytes read");
  const bool untouched = room.find_first_not_of('!', count) == std::string::npos;
  Expect(untouched, "a read writes nothing behind its bytes");
  link.down_received += count;
  if (count == 0) NoteEnd(result);
}

Task<void> Channel::EndRead() {
  if (link_->reader->in_flight) co_await CancelAndAwait(*link_->reader);
  NoteRead();
}

void Channel::BeginOpen() {
  Link& link = *link_;
  if (link.open.in_flight) return;
  CheckOpen();
  link.open.data = "/nowhere/at/all";
  link.open.flags = O_RDONLY;
  link.opening = true;
  (void)Submit(link.open);
}

void Channel::CheckOpen() {
  Link& link = *link_;
  if (link.open.in_flight || !std::exchange(link.opening, false)) return;
  const bool right = link.open.result == -ENOENT || link.open.result == -ECANCELED;
  Expect(right, "an open of what is not there", strerror(-link.open.result));
}

void Channel::ChooseSender(uint32_t way) {
  Link& link = *link_;
  core::SingleShotBase* const all[] = {&link.send, &link.write, &link.send_message, &link.send};
  link.sender = program_.writes ? all[way] : &link.send;
}

void Channel::BeginSend() {
  Link& link = *link_;
  const size_t rest = link.up_goal - link.up_sent;
  if (link.sender->in_flight || rest == 0 || link.finished || link.error_told) return;
  if (link.poll.in_flight && (link.poll.events & POLLOUT) != 0) return;  // R1
  link.sending = Payload(link.up_sent, std::min<size_t>(rest, 1 << 16), /*up=*/true);
  if (link.sender == &link.send_message) {
    PutInto(link.sending_header, link.sending_part, link.sending);
    link.sender->data = &link.sending_header;
  } else {
    link.sender->data = link.sending.data();
    link.sender->size = static_cast<uint32_t>(link.sending.size());
  }
  if (Submit(*link.sender)) NoteSent();
}

// The send has ended.
void Channel::NoteSent() {
  Link& link = *link_;
  const int32_t result = std::exchange(link.sender->result, -ECANCELED);
  link.sending.clear();
  if (result > 0) {
    link.up_sent += static_cast<size_t>(result);
    Expect(link.up_sent <= link.up_goal, "a send takes no more than it was given");
  } else if (result != -ECANCELED) {
    Expect(link.reset && IsReset(-result), "a send fails without a reset", strerror(-result));
    link.error_told = true;
  }
}

}  // namespace sluice::fuzz
