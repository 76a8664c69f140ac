// What `sluice top` shows at which size, and what its keys do.

#include "proxy/top/model.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proxy/ctl/json.h"

namespace sluice::proxy {
namespace {

using Kind = TopKey::Kind;

constexpr TopKey kEnter = {Kind::kEnter};
constexpr TopKey kEscape = {Kind::kEscape};
constexpr TopKey kDown = {Kind::kDown};
constexpr TopKey kRight = {Kind::kRight};

std::string InfoText(int up, int pid = 12) {
  return absl::StrCat(R"({"version":"0.1.0","pid":)", pid,
                      R"(,"state":"serving","ready":true,"not_ready_because":"","uptime_s":65,)"
                      R"("backend":"epoll","workers":2,"max_connections":100,"sessions_active":3,)"
                      R"("sessions_total":)",
                      up / 1024, R"(,"bytes_up":)", up,
                      R"(,"bytes_down":0,"rejections":{"rate":0},"config_pending":[]})");
}

constexpr std::string_view kListeners =
    R"([{"name":"web","addresses":["127.0.0.1:80"],"upstream":"app","max_connections":0,)"
    R"("sessions_active":3,"sessions_total":9,"bytes_up":0,"bytes_down":0,)"
    R"("rejections":{"rate":4},"routes":[{"name":"x","upstream":"other"}]},)"
    R"({"name":"db","addresses":["127.0.0.1:81"],"upstream":"db","max_connections":7,)"
    R"("sessions_active":5,"sessions_total":9,"bytes_up":0,"bytes_down":0,)"
    R"("rejections":{"rate":0},"routes":[]}])";
constexpr std::string_view kUpstreams =
    R"([{"name":"app","balance":"first","endpoints":2,"usable":1,"sessions_active":3},)"
    R"({"name":"db","balance":"first","endpoints":1,"usable":1,"sessions_active":5},)"
    R"({"name":"other","balance":"first","endpoints":1,"usable":0,"sessions_active":0}])";
constexpr std::string_view kEndpoints =
    R"([{"upstream":"app","name":"a","address":"127.0.0.1:90","state":"ready","health":"up",)"
    R"("usable":true,"weight":1,"priority":0,"max_connections":0,"sessions_active":1},)"
    R"({"upstream":"app","name":"b:1","address":"127.0.0.1:91","state":"ready","health":"down",)"
    R"("usable":false,"weight":1,"priority":0,"max_connections":0,"sessions_active":2},)"
    R"({"upstream":"db","name":"a","address":"127.0.0.1:92","state":"ready","health":"up",)"
    R"("usable":true,"weight":1,"priority":0,"max_connections":0,"sessions_active":9}])";

std::string Session(int id, std::string_view client) {
  return absl::StrCat(R"({"id":)", id, R"(,"listener":"web","client":")", std::string(client),
                      R"(","upstream":"app","endpoint":"a","state":"relay","age_s":70,)"
                      R"("idle_s":1,"bytes_up":2048,"bytes_down":0,"rate_up":10,"rate_down":0})");
}

class Top {
 public:
  Top() { Answer(); }

  // The list that it asks for, as it is.
  void Answer(int up = 0, int pid = 12) {
    const std::string target = model.ListTarget();
    std::string list(kListeners);
    if (target == "/api/v1/upstreams") list = kUpstreams;
    if (target == "/api/v1/endpoints") list = kEndpoints;
    if (target.starts_with("/api/v1/sessions")) list = sessions;
    at_ = at_ + 2s;
    model.Take(*ParseJson(InfoText(up, pid)), *ParseJson(list), at_, "10:02:31");
  }

  std::optional<TopRequest> Press(TopKey key) {
    std::optional<TopRequest> request = model.OnKey(key);
    if (model.needs_list()) Answer();
    return request;
  }
  std::optional<TopRequest> Press(std::string_view keys) {
    std::optional<TopRequest> request;
    for (const char key : keys) request = Press(TopKey{Kind::kText, key});
    return request;
  }

  std::vector<std::string> Lines(TopSize size = {}) {
    model.SetSize(size);
    std::vector<std::string> lines;
    for (const TopLine& line : model.Draw()) {
      std::string text;
      for (const TopText& each : line) text += each.text;
      text.erase(text.find_last_not_of(' ') + 1);
      lines.push_back(text);
    }
    return lines;
  }
  std::string Text(TopSize size = {}) { return absl::StrJoin(Lines(size), "\n"); }
  std::string Chosen() {
    for (const std::string& line : Lines()) {
      if (!line.starts_with("> ")) continue;
      const size_t begin = line.find_first_not_of(' ', 1);
      return line.substr(begin, line.find(' ', begin) - begin);
    }
    return "";
  }

  TopModel model;
  std::string sessions = absl::StrCat("[", Session(7, "192.0.2.1:5"), "]");

 private:
  core::Instant at_;
};

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Top, AScreenIsAsLargeAsTheTerminal) {
  Top top;
  for (const TopSize size : {TopSize{24, 80}, TopSize{50, 200}, TopSize{10, 40}, TopSize{24, 20},
                             TopSize{5, 80}, TopSize{1, 1}, TopSize{2, 300}}) {
    for (const std::string_view list : {"1", "2", "3", "4", "?"}) {
      top.Press(list);
      const std::vector<std::string> lines = top.Lines(size);
      EXPECT_EQ(lines.size(), size.rows);
      for (const std::string& line : lines) EXPECT_LE(WidthOf(line), size.columns) << line;
      top.Press(list == "?" ? "1" : "");
    }
  }
}

TEST(Top, TheMostImportantColumnsStayOnANarrowScreen) {
  Top top;
  const std::string wide = top.Lines({24, 160})[3];
  for (const char* const title : {"LISTENER", "ACTIVE", "LIMIT", "REJECTED", "ADDRESSES"}) {
    EXPECT_TRUE(Has(wide, title)) << title;
  }
  for (size_t columns = 60; columns < 160; ++columns) {
    EXPECT_FALSE(Has(top.Lines({24, columns})[4], "~")) << columns << ": what is shown fits";
  }
  const std::string narrow = top.Lines({24, 60})[3];
  EXPECT_TRUE(Has(narrow, "LISTENER") && Has(narrow, "ACTIVE") && Has(narrow, "DOWN")) << narrow;
  EXPECT_FALSE(Has(narrow, "ADDRESSES")) << narrow;
  EXPECT_TRUE(Has(top.Lines()[0], "as of 10:02:31")) << "at 80 columns, too";
}

TEST(Top, EnterLeadsFromAListenerToSessionsAndEscapeBack) {
  Top top;
  EXPECT_EQ(top.Chosen(), "web");
  top.Press(kEnter);
  EXPECT_FALSE(Has(top.Text(), "  db ")) << "only those that the listener leads to";
  EXPECT_TRUE(Has(top.Text(), "other")) << "also by a route";
  top.Press(kEnter);
  EXPECT_FALSE(Has(top.Text(), "db/a"));
  top.Press(kDown);
  EXPECT_EQ(top.Chosen(), "app/b:1");
  top.Press(kEnter);
  EXPECT_EQ(top.model.ListTarget(),
            "/api/v1/sessions?limit=1000&order=age&upstream=app&endpoint=b%3A1");
  EXPECT_TRUE(Has(top.Lines()[2], "listeners > upstreams > endpoints of app > sessions of app/b:1"))
      << top.Lines()[2];
  top.Press(kEscape);
  EXPECT_EQ(top.Chosen(), "app/b:1") << "as it was left";
  top.Press(kEscape);
  top.Press(kEscape);
  top.Press(kEscape);
  EXPECT_EQ(top.Chosen(), "web");
  top.Press("s");
  EXPECT_EQ(top.model.ListTarget(), "/api/v1/sessions?limit=1000&order=age&listener=web");
}

TEST(Top, WhatIsChosenStaysSoWhileRowsComeAndGo) {
  Top top;
  top.sessions = absl::StrCat("[", Session(7, "a:1"), ",", Session(8, "b:1"), "]");
  top.Press("4");
  top.Press(kDown);
  EXPECT_EQ(top.Chosen(), "8");
  top.sessions =
      absl::StrCat("[", Session(9, "c:1"), ",", Session(7, "a:1"), ",", Session(8, "b:1"), "]");
  top.Answer();
  EXPECT_EQ(top.Chosen(), "8");
  top.sessions = absl::StrCat("[", Session(9, "c:1"), "]");
  top.Answer();
  EXPECT_EQ(top.Chosen(), "9") << "it has gone";
  top.sessions = "[]";
  top.Answer();
  EXPECT_TRUE(Has(top.Text(), "there are none"));
  EXPECT_FALSE(top.Press("xy"));
}

TEST(Top, NothingIsDoneWithoutAYes) {
  Top top;
  top.Press("3");
  top.Press(kDown);
  EXPECT_FALSE(top.Press("d"));
  EXPECT_TRUE(Has(top.Text(), "Drain app/b:1? No new sessions; its 2 go on. [y/N]"));
  EXPECT_FALSE(top.Press(kEnter)) << "which is no yes";
  EXPECT_TRUE(Has(top.Text(), "nothing was done"));
  EXPECT_FALSE(top.Press("dn"));
  const std::optional<TopRequest> drain = top.Press("dy");
  ASSERT_TRUE(drain);
  EXPECT_EQ(drain->method + drain->target, "POST/api/v1/endpoints/app/b%3A1/drain");
  EXPECT_EQ(top.Press("my")->target, "/api/v1/endpoints/app/b%3A1/maintenance");
  EXPECT_EQ(top.Press("ay")->target, "/api/v1/endpoints/app/b%3A1/ready");
  EXPECT_EQ(top.Press("Ry")->target, "/api/v1/reload");
  EXPECT_FALSE(top.Press("xy")) << "an endpoint is not killed";
  EXPECT_FALSE(top.Press("1dy")) << "nor is a listener drained";
  top.Press("4x");
  EXPECT_TRUE(Has(top.Text(), "Kill session 7 of 192.0.2.1:5?"));
  const std::optional<TopRequest> kill = top.Press("y");
  EXPECT_EQ(kill->method + kill->target, "DELETE/api/v1/sessions/7");
}

TEST(Top, AWeightIsANumber) {
  Top top;
  top.Press("3w");
  EXPECT_FALSE(top.Press("257"));
  EXPECT_TRUE(Has(top.Text(), "weight, 0 to 256: 257_"));
  EXPECT_FALSE(top.Press(kEnter));
  EXPECT_TRUE(Has(top.Text(), "a weight is a number"));
  top.Press("w19");
  top.Press({Kind::kBackspace});
  top.Press("6");
  EXPECT_FALSE(top.Press(kEnter)) << "it is asked for first";
  const std::optional<TopRequest> request = top.Press("y");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method + request->target, "PUT/api/v1/endpoints/app/a/weight?weight=16");
}

TEST(Top, SessionsAreFilteredAndSortedByTheApi) {
  Top top;
  top.Press("4/192.0.2.1");
  top.Press(kEnter);
  EXPECT_EQ(top.model.ListTarget(), "/api/v1/sessions?limit=1000&order=age&client=192.0.2.1");
  top.Press(kRight);
  EXPECT_TRUE(Has(top.model.ListTarget(), "order=age")) << "the first that can be";
  EXPECT_TRUE(Has(top.Lines({24, 160})[3], "AGEv"));
  top.Press(kRight);
  EXPECT_TRUE(Has(top.model.ListTarget(), "order=idle&"));
  top.Press("r");
  EXPECT_TRUE(Has(top.model.ListTarget(), "order=idle&reversed=true"));
  top.Press("<<");
  EXPECT_TRUE(Has(top.model.ListTarget(), "order=age&client")) << "as the API has them";
  top.Press("<");
  EXPECT_TRUE(Has(top.model.ListTarget(), "order=round_trip"));
  EXPECT_TRUE(Has(top.Lines({24, 60})[3], "TRIPSv")) << "what it is sorted by stays";
  EXPECT_FALSE(Has(top.Lines()[0], "~")) << "what does not fit is left out as a whole";
}

TEST(Top, OtherListsAreSortedHere) {
  Top top;
  EXPECT_EQ(top.Chosen(), "web");
  top.Press(kRight);  // by name
  top.Press({Kind::kHome});
  EXPECT_EQ(top.Chosen(), "db");
  top.Press(">>");  // by sessions, the largest first
  top.Press({Kind::kHome});
  EXPECT_EQ(top.Chosen(), "db");
  top.Press("r");
  top.Press({Kind::kHome});
  EXPECT_EQ(top.Chosen(), "web");
}

TEST(Top, RatesAreDifferencesOfOneProcess) {
  Top top;
  EXPECT_FALSE(Has(top.Lines()[1], "up"));
  top.Answer(4096);
  EXPECT_TRUE(Has(top.Lines()[1], "new 2.0/s   up 2.0 KiB/s")) << top.Lines()[1];
  top.Answer(100, /*pid=*/13);
  EXPECT_FALSE(Has(top.Lines()[1], "up")) << "another process has counted that";
}

TEST(Top, OldFiguresSayThatTheyAre) {
  Top top;
  top.model.TakeTrouble("it does not answer");
  EXPECT_TRUE(Has(top.Lines()[0], "NO ANSWER since 10:02:31: it does not answer"));
  EXPECT_EQ(top.Chosen(), "web") << "they are still there";
  top.Answer();
  EXPECT_FALSE(Has(top.Lines()[0], "NO ANSWER"));
}

TEST(Top, NamesCannotWriteToTheTerminal) {
  Top top;
  top.sessions = absl::StrCat("[", Session(7, "\\u001b[31mred"), "]");
  top.Press("4x");
  EXPECT_EQ(top.Text().find('\x1b'), std::string::npos);
}

TEST(Top, TextIsCutBetweenCharacters) {
  EXPECT_EQ(Cut("abc", 3), "abc");
  EXPECT_EQ(Cut("abcd", 3), "ab~");
  EXPECT_EQ(Cut("äöüß", 3), "äö~");
  EXPECT_EQ(Cut("abc", 0), "");
  EXPECT_EQ(WidthOf("äb"), 2u);
}

}  // namespace
}  // namespace sluice::proxy
