#include "proxy/ctl/views.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "conf/text/text.h"
#include "proxy/ctl/table.h"

namespace sluice::proxy {
namespace {

using Rows = std::vector<std::vector<std::string>>;

int64_t SumOf(const JsonValue& object) {
  int64_t sum = 0;
  for (const auto& [key, value] : object.fields) sum += value.number;
  return sum;
}

// 0 is no limit.
std::string Limit(const JsonValue& value) { return value.number == 0 ? "-" : value.Line(); }

}  // namespace

std::string StatusText(const JsonValue& info) {
  const std::string state =
      absl::StrCat(info["state"].Line(), info["ready"].flag ? ", ready" : ", not ready");
  Rows rows = {
      {"version", info["version"].Line()},
      {"process",
       absl::StrCat(info["pid"].Line(), ", for ", HumanSeconds(info["uptime_s"].number))},
      {"state", state},
      {"runs on", absl::StrCat(info["backend"].Line(), ", workers: ", info["workers"].Line())},
      {"file", info["config"].Line()},
      {"sessions",
       absl::StrCat(info["sessions_active"].Line(), " of at most ", info["max_connections"].Line(),
                    ", ", info["sessions_total"].Line(), " since the start")},
      {"bytes", absl::StrCat(HumanBytes(info["bytes_up"].number), " up, ",
                             HumanBytes(info["bytes_down"].number), " down")},
      {"rejected", std::to_string(SumOf(info["rejections"]))},
      {"reloads", absl::StrCat(info["reloads_ok"].Line(), " in force, ",
                               info["reloads_failed"].Line(), " failed")},
  };
  if (!info["ready"].flag) rows.push_back({"not ready", info["not_ready_because"].Line()});
  for (const auto& [cause, count] : info["rejections"].fields) {
    if (count.number != 0) rows.push_back({absl::StrCat("  ", cause), count.Line()});
  }
  if (!info["config_pending"].items.empty()) {
    rows.push_back({"waits for a restart", info["config_pending"].Line()});
  }
  return FormatTable(rows);
}

std::string ListenersText(const JsonValue& listeners) {
  Rows rows = {
      {"LISTENER", "UPSTREAM", "ACTIVE", "LIMIT", "TOTAL", "REJECTED", "UP", "DOWN", "ADDRESSES"}};
  for (const JsonValue& each : listeners.items) {
    rows.push_back({each["name"].Line(), each["upstream"].Line(), each["sessions_active"].Line(),
                    Limit(each["max_connections"]), each["sessions_total"].Line(),
                    std::to_string(SumOf(each["rejections"])), HumanBytes(each["bytes_up"].number),
                    HumanBytes(each["bytes_down"].number), each["addresses"].Line()});
  }
  return FormatTable(rows);
}

std::string UpstreamsText(const JsonValue& upstreams) {
  Rows rows = {{"UPSTREAM", "BALANCE", "USABLE", "ACTIVE", "WAITING", "TOTAL", "FAILURES",
                "RETRIES", "UP", "DOWN"}};
  for (const JsonValue& each : upstreams.items) {
    rows.push_back({each["name"].Line(), each["balance"].Line(),
                    absl::StrCat(each["usable"].Line(), "/", each["endpoints"].Line()),
                    each["sessions_active"].Line(), each["sessions_waiting"].Line(),
                    each["sessions_total"].Line(), each["connect_failures"].Line(),
                    each["retries"].Line(), HumanBytes(each["bytes_up"].number),
                    HumanBytes(each["bytes_down"].number)});
  }
  return FormatTable(rows);
}

std::string EndpointsText(const JsonValue& endpoints) {
  Rows rows = {{"ENDPOINT", "STATE", "HEALTH", "USABLE", "WEIGHT", "PRIORITY", "ACTIVE", "LIMIT"}};
  for (const JsonValue& each : endpoints.items) {
    rows.push_back({absl::StrCat(each["upstream"].Line(), "/", each["name"].Line()),
                    each["state"].Line(), each["health"].Line(), each["usable"].Line(),
                    each["weight"].Line(), each["priority"].Line(), each["sessions_active"].Line(),
                    Limit(each["max_connections"])});
  }
  return FormatTable(rows);
}

std::string WorkersText(const JsonValue& workers) {
  Rows rows = {{"WORKER", "TASKS", "STOLEN", "WAITS", "RECEIVED", "STARVED", "BUFFERS", "OPS"}};
  for (const JsonValue& each : workers.items) {
    rows.push_back({each["worker"].Line(), each["tasks"].Line(), each["stolen"].Line(),
                    each["parks"].Line(), HumanBytes(each["received_bytes"].number),
                    each["starved"].Line(), each["buffers"].Line(), each["in_flight"].Line()});
  }
  return FormatTable(rows);
}

std::string TasksText(const JsonValue& answer) {
  Rows rows = {
      {"TASK", "NAME", "STATE", "FOR", "WAITS FOR", "BUSY", "LONGEST", "POLLS", "SPAWNED AT"}};
  for (const JsonValue& each : answer["tasks"].items) {
    const auto micros = [&each](std::string_view key) { return HumanMicros(each[key].number); };
    rows.push_back({each["id"].Line(), each["name"].text, each["state"].text, micros("in_state_us"),
                    each["state"].text == "waiting" ? each["waits_for"].Line() : "",
                    micros("busy_us"), micros("longest_poll_us"), each["polls"].Line(),
                    absl::StrCat(each["file"].text, ":", each["line"].Line())});
  }
  std::string text = FormatTable(rows);
  const auto left =
      answer["tasks_total"].number - static_cast<int64_t>(answer["tasks"].items.size());
  if (left > 0) absl::StrAppend(&text, "and ", left, " more (limit=)\n");
  return text;
}

std::string DiffText(const JsonValue& diff) {
  std::string text;
  for (const JsonValue& line : diff["differences"].items) absl::StrAppend(&text, line.text, "\n");
  return text.empty() ? "the file is what is in force\n" : text;
}

std::string EndpointText(const JsonValue& endpoint) {
  if (endpoint["name"].text.empty()) return "it has gone, and has no session\n";
  return absl::StrCat(endpoint["upstream"].Line(), "/", endpoint["name"].Line(), ": ",
                      endpoint["state"].Line(), ", weight ", endpoint["weight"].Line(), ", ",
                      endpoint["sessions_active"].Line(), " sessions\n");
}

std::string SessionsText(const JsonValue& sessions) {
  Rows rows = {{"ID", "CLIENT", "LISTENER", "ENDPOINT", "STATE", "AGE", "IDLE", "UP", "DOWN"}};
  const bool has_paths =
      !sessions.items.empty() && sessions.items.front().fields.contains("client_rtt_us");
  if (has_paths) {
    for (const char* const title : {"RTT us", "RESENT", "WAITS UP", "WAITS DOWN"}) {
      rows[0].emplace_back(title);
    }
  }
  for (const JsonValue& each : sessions.items) {
    std::vector<std::string> row = {
        each["id"].Line(),
        each["client"].Line(),
        each["listener"].Line(),
        absl::StrCat(each["upstream"].Line(), "/", each["endpoint"].Line()),
        each["state"].Line(),
        HumanSeconds(each["age_s"].number),
        HumanSeconds(each["idle_s"].number),
        HumanBytes(each["bytes_up"].number),
        HumanBytes(each["bytes_down"].number)};
    if (has_paths) {
      row.push_back(
          absl::StrCat(each["client_rtt_us"].Line(), "/", each["upstream_rtt_us"].Line()));
      row.push_back(absl::StrCat(each["client_retransmits"].Line(), "/",
                                 each["upstream_retransmits"].Line()));
      row.push_back(HumanBytes(each["buffered_up"].number));
      row.push_back(HumanBytes(each["buffered_down"].number));
    }
    rows.push_back(std::move(row));
  }
  return FormatTable(rows);
}

std::string KilledText(const JsonValue& answer) {
  return absl::StrCat("sessions that end: ", answer["killed"].Line(), "\n");
}
std::string ShedText(const JsonValue& answer) {
  return absl::StrCat("sessions that will end: ", answer["to_end"].Line(), "\n");
}
std::string StoppedText(const JsonValue&) { return "no more sessions are shed\n"; }
std::string EventsText(const JsonValue& answer) {
  std::string text;
  if (const int64_t lost = answer["lost"].number; lost > 0) {
    absl::StrAppend(&text, "-- ", lost, " events before these have gone\n");
  }
  for (const JsonValue& each : answer["events"].items) {
    absl::StrAppendFormat(&text, "%s  %-5s  %-8s  %s\n", each["at"].Line(), each["level"].Line(),
                          each["kind"].Line(), conf::Printable(each["text"].text));
  }
  return text;
}
std::string ReloadedText(const JsonValue&) { return "the file is in force\n"; }
std::string UpgradedText(const JsonValue&) {
  return "a successor serves now; this process serves the sessions that it has to their end\n";
}
std::string ShutdownText(const JsonValue&) {
  return "it accepts no more connections and ends when its sessions have, or drain_timeout is "
         "over\n";
}
std::string LogLevelText(const JsonValue& answer) {
  return absl::StrCat("the log has level ", answer["log_level"].Line(), "\n");
}

}  // namespace sluice::proxy
