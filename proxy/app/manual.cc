#include "proxy/app/manual.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "conf/key_rows.h"
#include "conf/text/text.h"
#include "proxy/app/flags.h"
#include "proxy/app/version.h"
#include "proxy/ctl/commands.h"

namespace sluice::proxy {
namespace {

using conf::Cat;

// Text as man(7) takes it: nothing of it is a request, and a dash is one that can be copied.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool begins_line = out.empty() || out.ends_with('\n');
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '\'') {
      out += "\\(aq";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Bold(std::string_view text) { return Cat("\\fB", Escaped(text), "\\fR"); }
std::string Italic(std::string_view text) { return Cat("\\fI", Escaped(text), "\\fR"); }

// Lines of text, each escaped, with the words in `` in bold.
std::string Prose(std::string_view text) {
  std::string out;
  bool is_code = false;
  for (const absl::string_view part :
       absl::StrSplit(absl::string_view(text.data(), text.size()), '`')) {
    const std::string_view piece(part.data(), part.size());
    // A break of the line in front of which nothing was written would be an empty line.
    out += is_code ? Bold(piece) : Escaped(piece);
    is_code = !is_code;
  }
  return out + "\n";
}

class Page {
 public:
  Page(std::string_view name, std::string_view section, std::string_view date,
       std::string_view summary) {
    std::string title;
    for (const char c : name) title += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    text_ = Cat(".\\\" Made from the tables of the program: do not edit.\n.TH ", Escaped(title),
                " ", section, " ", date, " \"sluice ", Version(), "\" \"\"\n.SH NAME\n",
                Escaped(name), " \\- ", Escaped(summary), "\n");
  }

  Page& Section(std::string_view title) { return Add(Cat(".SH ", Escaped(title), "\n")); }
  Page& Subsection(std::string_view title) { return Add(Cat(".SS ", Escaped(title), "\n")); }
  // Behind a title there is a paragraph already.
  Page& Paragraph(std::string_view text) {
    const size_t last = text_.rfind('\n', text_.size() - 2) + 1;
    const bool is_first = text_.substr(last).starts_with(".S");
    return Add(Cat(is_first ? "" : ".PP\n", Prose(text)));
  }
  // `label` is escaped already.
  Page& Item(std::string_view label, std::string_view text) {
    return Add(Cat(".TP\n", label, "\n", Prose(text)));
  }
  Page& MoreOfItem(std::string_view text) { return Add(Cat(".br\n", Prose(text))); }
  Page& Literal(std::string_view text) {
    return Add(Cat(".in +4n\n.nf\n", Escaped(text), ".fi\n.in\n"));
  }
  Page& SeeAlso(const std::vector<std::pair<std::string_view, int>>& pages) {
    Section("SEE ALSO");
    for (size_t i = 0; i < pages.size(); ++i) {
      Add(Cat(".BR ", Escaped(pages[i].first), " (", pages[i].second, ")",
              i + 1 < pages.size() ? "," : "", "\n"));
    }
    return *this;
  }
  Page& Add(std::string_view raw) {
    text_ += raw;
    return *this;
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string LabelOf(const FlagRow& row) {
  std::string label;
  if (row.letter != 0) label = Cat(Bold(Cat("-", std::string(1, row.letter))), ", ");
  label += Bold(Cat("--", row.name));
  return row.value.empty() ? label : Cat(label, " ", Italic(row.value));
}

std::string Sluice(std::string_view date) {
  Page page("sluice", "1", date, "TCP reverse proxy");
  page.Section("SYNOPSIS");
  page.Add(
      ".B sluice\n\\fB\\-\\-config\\fR \\fIFILE\\fR [\\fIOPTION\\fR...]\n.br\n.B sluice\n"
      "\\fB\\-\\-demo\\fR\n");
  for (const Subcommand& each : Subcommands()) {
    page.Add(Cat(".br\n.B sluice\n", Bold(each.name), each.words.empty() ? "" : " ",
                 each.words.empty() ? "" : Italic(each.words), "\n"));
  }
  page.Section("DESCRIPTION")
      .Paragraph(
          "sluice accepts TCP connections and connections to UNIX sockets, connects each to "
          "one of the servers of an upstream, and carries bytes both ways until both sides "
          "have ended. It runs in the foreground and logs to standard error.")
      .Paragraph("What it does is said in one file in YAML: see `sluice.yaml`(5).");
  page.Section("OPTIONS");
  for (const FlagRow& row : FlagRows()) {
    page.Item(LabelOf(row), row.help.empty() ? "See --version." : row.help);
  }
  page.Section("COMMANDS");
  for (const Subcommand& each : Subcommands()) {
    page.Item(Cat(Bold(Cat("sluice ", each.name)), each.words.empty() ? "" : " ",
                  each.words.empty() ? "" : Italic(each.words)),
              each.help);
  }
  page.Section("THE PAGE")
      .Paragraph(
          "At / of the address that `admin.bind` names there is a page for browsers, which shows "
          "what the process does and tells it what to do, as `sluice top` does on a terminal. To a "
          "UNIX socket on another host leads `ssh -L 9901:/run/sluice/admin.sock` HOST; the page "
          "is then at http://localhost:9901/.");
  page.Section("SIGNALS");
  for (const Meaning& each : SignalMeanings()) page.Item(Bold(each.name), each.text);
  page.Section("EXIT STATUS");
  for (const Meaning& each : ExitCodes()) page.Item(Bold(each.name), each.text);
  page.Section("ENVIRONMENT")
      .Item(Bold("NOTIFY_SOCKET"),
            "Where the service manager hears of the start, of a reload, of a successor and of the "
            "end, and gets the listening sockets that it is to keep over a crash.")
      .Item(Bold("WATCHDOG_USEC"),
            "How long the service manager waits for a word. There is one as long as every worker "
            "turns.")
      .Item(Bold("LISTEN_FDS"),
            "Listening sockets that the service manager has kept or opened: each serves the "
            "listener that has its address.");
  page.Section("SECURITY")
      .Paragraph(
          "Started by root, the process becomes the user of `user` before it has a second "
          "thread, and keeps CAP_NET_BIND_SERVICE. With `sandbox: on` it may make only those "
          "system calls that it needs; others fail with EPERM and are in the audit log of the "
          "kernel. What runs inside of io_uring is not seen by such a filter: `runtime.backend: "
          "epoll` has everything seen. See `sluice.yaml`(5).");
  page.Section("FILES")
      .Item(Italic("/etc/sluice/sluice.yaml"), "The configuration of the service.")
      .Item(Italic("/etc/sluice/conf.d/*.yaml"), "Further listeners and upstreams.")
      .Item(Italic("/run/sluice/admin.sock"), "Where `sluice ctl` asks the running process.")
      .Item(Italic("/usr/share/sluice/sluice.schema.json"), "What `sluice schema` prints.");
  page.SeeAlso({{"sluice.yaml", 5}, {"sluice-ctl", 1}});
  return page.Take();
}

std::string SluiceCtl(std::string_view date) {
  Page page("sluice-ctl", "1", date, "ask a running sluice what it does, and tell it what to do");
  page.Section("SYNOPSIS")
      .Add(
          ".B sluice ctl\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR "
          "[\\fIWORD\\fR...]\n");
  page.Section("DESCRIPTION")
      .Paragraph(
          "Asks the process at the admin endpoint, which is `admin.bind` of its "
          "configuration. An endpoint is named UPSTREAM/NAME: by its name, else by its "
          "address.");
  page.Section("OPTIONS");
  for (const CtlOption& each : CtlOptions()) {
    const bool is_joined = each.value.starts_with('[');
    page.Item(Cat(Bold(each.name), each.value.empty() || is_joined ? "" : " ", Italic(each.value)),
              each.help);
  }
  page.Section("COMMANDS");
  page.Subsection("What it does");
  bool acts = false;
  for (const CtlCommand& each : CtlCommands()) {
    if (each.help.empty()) continue;  // it is with another form of its name
    if (!acts && each.method != "GET") page.Subsection("What it is to do");
    acts = acts || each.method != "GET";
    page.Item(Cat(Bold(each.name), each.words.empty() ? "" : " ",
                  each.words.empty() ? "" : Italic(each.words)),
              each.help);
  }
  page.Section("EXIT STATUS")
      .Item(Bold("0"), "It is so, or it is done.")
      .Item(Bold("1"), "It is not, or the process cannot be asked.")
      .Item(Bold("2"), "The command line is wrong.");
  page.SeeAlso({{"sluice", 1}, {"sluice.yaml", 5}});
  return page.Take();
}

std::string SluiceYaml(std::string_view date) {
  Page page("sluice.yaml", "5", date, "configuration of sluice");
  page.Section("DESCRIPTION")
      .Paragraph(
          "A file in YAML. `sluice --check --config` FILE says what is wrong with one, with "
          "line and column; `sluice --print-config` prints one with all defaults; `sluice "
          "schema` prints a schema with which editors complete and check it.")
      .Paragraph(
          "Durations need a unit: us, ms, s, m, h, d, also several: 1m30s. Sizes need one: B, "
          "KiB, MiB, GiB, kB, MB, GB; rates end in /s. Any value may use the environment: "
          "${NAME} or ${NAME:-default}. Keys of the first level that begin with x- hold "
          "anchors.")
      .Paragraph("In the names below a dot leads into a mapping and [] into each item of a list.");
  page.Section("EXAMPLE").Literal(
      "listeners:\n"
      "  - { name: web, bind: \"0.0.0.0:8080\", upstream: app }\n"
      "upstreams:\n"
      "  - { name: app, endpoints: [\"127.0.0.1:3000\"] }\n");
  page.Section("KEYS");
  for (const conf::KeyRow& row : conf::KeyRows()) {
    if (row.inherits) continue;  // told under `defaults`
    if (row.is_section && row.path.find('.') == row.path.npos) page.Subsection(row.path);
    page.Item(Bold(row.path), row.text);
    if (row.is_section) continue;
    page.MoreOfItem(Cat("Allowed: ", row.allowed, "."));
    if (!row.default_text.empty()) page.MoreOfItem(Cat("Default: ", row.default_text));
  }
  page.Paragraph(
      "A listener may have every key of `defaults` but `upstream`, and an upstream every "
      "key of `defaults.upstream`: what it does not have it inherits.");
  page.SeeAlso({{"sluice", 1}, {"sluice-ctl", 1}});
  return page.Take();
}

}  // namespace

absl::StatusOr<std::string> ManualPage(std::string_view page, std::string_view date) {
  if (page == "sluice.1") return Sluice(date);
  if (page == "sluice-ctl.1") return SluiceCtl(date);
  if (page == "sluice.yaml.5") return SluiceYaml(date);
  return conf::InvalidArgument(Cat("there is no page ", conf::Printable(page),
                                   "; allowed: sluice.1, sluice-ctl.1, sluice.yaml.5"));
}

}  // namespace sluice::proxy
