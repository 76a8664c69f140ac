// HTTP server that stops gracefully: on Ctrl-C it takes no new connections, answers what has been
// asked, and ends; connections between two requests end at once. All of that in --patience seconds.
//
//     bazel run //core/examples:http_server -- 127.0.0.1:8080
//     curl http://127.0.0.1:8080/          curl http://127.0.0.1:8080/wait/500
//
//   BETWEEN REQUESTS ── a first byte ──► READING ──► ANSWERING ── keep-alive ──► BETWEEN REQUESTS
//        │ stop, or nothing for a minute    │ too slow    │ stop, or "Connection: close"
//        └──────────────────────────────────┴─────────────┴──► closed
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/examples/accept_loop.h"
#include "core/examples/arguments.h"
#include "core/examples/http.h"
#include "core/sluice.h"
#include "core/text/decimal.h"

namespace core = sluice::core;
using core::Named;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

namespace {

constexpr core::Duration kIdle = 1min;
constexpr core::Duration kHeadTime = 10s;  // for a head, once it has begun
constexpr core::Duration kWriteTime = 1min;

struct Response {
  std::string_view status;
  std::string body;
  bool last = false;  // the connection is of no use after it
};

core::Task<Response> Answer(core::IoResult<http::Head>& head) {
  if (!head.ok()) co_return Response{"400 Bad Request", "", true};
  // A body is not read here, so where the next request begins is not known.
  if (!head->Field("content-length").empty() || !head->Field("transfer-encoding").empty()) {
    co_return Response{"413 Content Too Large", "", true};
  }
  const bool last = http::Lower(head->Field("connection")) == "close";
  std::string_view line = head->first;
  if (!line.ends_with(" HTTP/1.1")) co_return Response{"505 HTTP Version Not Supported", "", true};
  line.remove_suffix(std::string_view(" HTTP/1.1").size());
  if (!line.starts_with("GET ")) co_return Response{"405 Method Not Allowed", "", last};
  const std::string_view target = line.substr(std::string_view("GET ").size());
  if (target == "/") co_return Response{"200 OK", "hello\n", last};
  constexpr std::string_view kWait = "/wait/";
  if (target.starts_with(kWait)) {
    const auto milliseconds = core::ParseDecimal(target.substr(kWait.size()));
    if (milliseconds.has_value() && *milliseconds <= 60'000) {
      (void)co_await core::Sleep(static_cast<int64_t>(*milliseconds) * 1ms);
      co_return Response{"200 OK", "waited\n", last};
    }
  }
  co_return Response{"404 Not Found", "", last};
}

core::Task<bool> Send(core::TcpStream& client, Response response) {
  const std::string text = "HTTP/1.1 " + std::string(response.status) +
                           "\r\nContent-Length: " + std::to_string(response.body.size()) +
                           (response.last ? "\r\nConnection: close" : "") + "\r\n\r\n" +
                           response.body;
  const core::Transferred sent = co_await core::WithTimeout(
      kWriteTime, core::WriteAll(client, std::as_bytes(std::span(text))));
  co_return sent.ok() && !response.last;
}

core::Task<void> Serve(core::TcpStream client, std::shared_ptr<core::CancellationSource> stop) {
  core::BufReader reader(client);
  while (true) {
    auto first = co_await core::Select(Named<"byte">(reader.Peek(1)),
                                       Named<"stop">(stop->token().Cancelled()),
                                       Named<"idle">(core::Sleep(kIdle)));
    // Whatever has won: a request that has begun is answered.
    if (!first.Get<"byte">().ok() || !*first.Get<"byte">()) co_return;
    core::IoResult<http::Head> head = co_await core::WithTimeout(kHeadTime, http::ReadHead(reader));
    if (!head.ok() && head.error() != EPROTO && head.error() != core::kTooLarge) co_return;
    Response response = co_await Answer(head);
    if (stop->cancelled()) response.last = true;
    if (!co_await Send(client, std::move(response))) co_return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, "http_server [ADDRESS] [--patience=SECONDS]");
  const AcceptOptions options{.address = arguments.AddressAt(0, "127.0.0.1:8080"),
                              .patience = std::chrono::seconds(arguments.Number("patience", 5))};
  auto stop = std::make_shared<core::CancellationSource>();
  auto serve = [stop](core::TcpStream client) { return Serve(std::move(client), stop); };
  return core::RunMain(AcceptLoop(options, serve, [stop] { stop->Cancel(); }),
                       arguments.Runtime(/*most_words=*/1));
}
