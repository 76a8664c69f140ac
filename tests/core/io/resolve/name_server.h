// A name server for tests: a thread that answers on one port over UDP and TCP as a function says.
#ifndef SLUICE_TESTS_CORE_IO_RESOLVE_NAME_SERVER_H_
#define SLUICE_TESTS_CORE_IO_RESOLVE_NAME_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "core/base/check.h"
#include "core/io/resolve/answer.h"
#include "core/net/address.h"
#include "tests/core/io/resolve/messages.h"

namespace sluice::core::testing {

struct Question {
  std::string name;
  DnsType type;
  bool over_tcp;
  std::string message;  // as it came
};

class NameServer {
 public:
  // What is sent back; "": nothing.
  using Answering = std::function<std::string(const Question&)>;

  explicit NameServer(Answering answering) : answering_(std::move(answering)) {
    udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    stop_ = eventfd(0, EFD_CLOEXEC);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // A port that is free for both.
    for (;;) {
      any.sin_port = 0;
      SLUICE_CHECK(bind(tcp_, reinterpret_cast<sockaddr*>(&any), sizeof(any)) == 0);
      address_ = Address::From(
          [this](sockaddr* to, socklen_t* size) { return getsockname(tcp_, to, size); });
      if (bind(udp_, address_.get(), address_.size()) == 0) break;
      close(tcp_);
      tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    SLUICE_CHECK(listen(tcp_, 16) == 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~NameServer() {
    SLUICE_CHECK(eventfd_write(stop_, 1) == 0);
    thread_.join();
    for (const int fd : {udp_, tcp_, stop_}) close(fd);
  }

  const Address& address() const { return address_; }
  int questions() const { return questions_.load(); }

 private:
  void Serve() {
    for (;;) {
      pollfd fds[] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}, {stop_, POLLIN, 0}};
      poll(fds, 3, -1);
      if (fds[2].revents != 0) return;
      if (fds[0].revents != 0) AnswerUdp();
      if (fds[1].revents != 0) AnswerTcp();
    }
  }
  std::string AnswerTo(std::string message, bool over_tcp) {
    ++questions_;
    Question question{NameIn(message), TypeIn(message), over_tcp, std::move(message)};
    return answering_(question);
  }
  void AnswerUdp() {
    char buffer[2048];
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    const ssize_t got = recvfrom(udp_, buffer, sizeof(buffer), MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0) return;
    const std::string answer = AnswerTo(std::string(buffer, static_cast<size_t>(got)), false);
    if (answer.empty()) return;
    sendto(udp_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
  void AnswerTcp() {
    const int fd = accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    unsigned char length[2];
    if (recv(fd, length, 2, MSG_WAITALL) == 2) {
      std::string message(size_t{length[0]} << 8 | length[1], '\0');
      if (recv(fd, message.data(), message.size(), MSG_WAITALL) ==
          static_cast<ssize_t>(message.size())) {
        const std::string answer = AnswerTo(std::move(message), true);
        const std::string sized = Number16(static_cast<uint16_t>(answer.size())) + answer;
        if (!answer.empty()) send(fd, sized.data(), sized.size(), MSG_NOSIGNAL);
      }
    }
    close(fd);
  }

  const Answering answering_;
  int udp_;
  int tcp_;
  int stop_;
  Address address_;
  std::atomic<int> questions_{0};
  std::thread thread_;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_IO_RESOLVE_NAME_SERVER_H_
