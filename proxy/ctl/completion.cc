#include "proxy/ctl/completion.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "conf/text/text.h"
#include "proxy/ctl/commands.h"

namespace sluice::proxy {
namespace {

using Strings = std::vector<std::string>;

// Options behind which the next word is a file or an address.
constexpr const char* kWithFile[] = {"--admin", "--token-file", "--config", "--diff"};
constexpr const char* kShells[] = {"bash", "zsh", "fish"};

bool TakesFile(std::string_view option) {
  return std::ranges::any_of(kWithFile, [&](const char* each) { return option == each; });
}

std::string Joined(const Strings& words, std::string_view separator) {
  return absl::StrJoin(words, absl::string_view(separator.data(), separator.size()));
}

// What may follow a command.
struct Completed {
  std::string name;
  std::string help;        // a phrase
  std::string names = {};  // the table whose first column has the first word; "": none
  Strings words = {};      // others
};

// The first phrase of a text.
std::string PhraseOf(std::string_view help) {
  return std::string(help.substr(0, help.find_first_of(":;\n")));
}

// "wait=drained timeout=" as words: each value of those that have some.
void AddParameters(std::string_view parameters, Strings& words) {
  const absl::string_view text(parameters.data(), parameters.size());
  for (const std::string& each : Strings(absl::StrSplit(text, ' ', absl::SkipEmpty()))) {
    const size_t equals = each.find('=');
    for (const std::string& value : Strings(absl::StrSplit(each.substr(equals + 1), '|'))) {
      words.push_back(each.substr(0, equals + 1) + value);
    }
  }
}

std::vector<Completed> CompletedCommands() {
  std::vector<Completed> all;
  for (const CtlCommand& each : CtlCommands()) {
    if (each.name.find(' ') != each.name.npos) continue;  // a form of another one
    auto found = std::ranges::find(all, each.name, &Completed::name);
    if (found == all.end()) {
      all.push_back({.name = std::string(each.name), .help = PhraseOf(each.help)});
      found = all.end() - 1;
    }
    if (each.words.starts_with("UPSTREAM/NAME")) found->names = "endpoints";
    if (each.words.starts_with("UPSTREAM ")) found->names = "upstreams";
    const absl::string_view values(each.values.data(), each.values.size());
    for (const absl::string_view value : absl::StrSplit(values, ' ', absl::SkipEmpty())) {
      found->words.emplace_back(value);
    }
    AddParameters(each.parameters, found->words);
  }
  return all;
}

Strings CtlOptionNames() {
  Strings names;
  for (const CtlOption& each : CtlOptions()) names.emplace_back(each.name);
  return names;
}

Strings NamesOf(const std::vector<Completed>& commands) {
  Strings names;
  for (const Completed& each : commands) names.push_back(each.name);
  return names;
}

std::string Quoted(std::string_view text) {
  return absl::StrCat(
      "'", absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"'", "'\\''"}}), "'");
}

constexpr char kBash[] = R"(# Completion of sluice for bash, made by: sluice completion bash
_sluice_names() {
  "$1" ctl "$2" 2>/dev/null | sed -n '2,$s/ .*//p'
}
_sluice() {
  # Bash splits words at : and =, of which the names of endpoints are full.
  local line=${COMP_LINE:0:COMP_POINT} current='' before='' command='' list='' names='' i
  local words=()
  read -ra words <<<"$line"
  if [[ $line != *[[:space:]] ]]; then
    current=${words[-1]}
    unset 'words[-1]'
  fi
  before=${words[-1]}
  if [[ $before == @(@FILES@) ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    compopt -o filenames
    return
  fi
  if ((${#words[@]} == 1)); then
    list='@WORDS@ @OPTIONS@'
  elif [[ ${words[1]} == completion ]]; then
    list='@SHELLS@'
  elif [[ ${words[1]} == ctl ]]; then
    for ((i = 2; i < ${#words[@]}; ++i)); do
      case ${words[i]} in
        @FILES@) ((++i)) ;;
        -*) ;;
        *)
          command=${words[i]}
          break
          ;;
      esac
    done
    case $command in
      '') list='@COMMANDS@' ;;
@CASES@    esac
    list+=' @CTL_OPTIONS@'
  else
    list='@OPTIONS@'
  fi
  mapfile -t COMPREPLY < <(compgen -W "$list" -- "$current")
  if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
  local prefix=${current%"${current##*[:=]}"} name quoted
  COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
  [[ -n $names ]] || return 0
  # Others choose names: compgen -W would run what is in them, and so would the line, unquoted.
  while IFS= read -r name; do
    printf -v quoted %q "$name"
    if [[ $quoted == "$current"* ]]; then
      COMPREPLY+=("${quoted#"$prefix"}")
    elif [[ $name == "$current"* ]]; then
      printf -v quoted %q "${name#"$prefix"}"
      COMPREPLY+=("$quoted")
    fi
  done < <(_sluice_names "${words[0]}" "$names")
}
complete -F _sluice sluice
)";

constexpr char kZsh[] = R"(#compdef sluice
# Completion of sluice for zsh, made by: sluice completion zsh
_sluice_names() {
  "$1" ctl "$2" 2>/dev/null | sed -n '2,$s/ .*//p'
}
_sluice() {
  local -a before names commands
  local command='' i
  before=("${(@)words[2,CURRENT-1]}")
  if [[ $before[-1] == (@FILES@) ]]; then
    _files
    return
  fi
  if (( $#before == 0 )); then
    compadd -- @WORDS@ @OPTIONS@
  elif [[ $before[1] == completion ]]; then
    compadd -- @SHELLS@
  elif [[ $before[1] == ctl ]]; then
    for ((i = 2; i <= $#before; ++i)); do
      case $before[i] in
        (@FILES@) ((++i)) ;;
        (-*) ;;
        (*)
          command=$before[i]
          break
          ;;
      esac
    done
    case $command in
      ('')
        commands=(
@DESCRIBED@        )
        _describe command commands
        ;;
@CASES@    esac
    compadd -- @CTL_OPTIONS@
  else
    compadd -- @OPTIONS@
  fi
}
if [[ $funcstack[1] == _sluice ]]; then
  _sluice "$@"
else
  compdef _sluice sluice
fi
)";

std::string BashCases(const std::vector<Completed>& commands) {
  std::string cases;
  for (const Completed& each : commands) {
    if (each.names.empty() && each.words.empty()) continue;
    absl::StrAppend(&cases, "      ", each.name, ") names=", Quoted(each.names),
                    " list=", Quoted(Joined(each.words, " ")), " ;;\n");
  }
  return cases;
}

std::string ZshCases(const std::vector<Completed>& commands) {
  std::string cases;
  for (const Completed& each : commands) {
    if (each.names.empty() && each.words.empty()) continue;
    absl::StrAppend(&cases, "      (", each.name, ")\n");
    if (!each.names.empty()) {
      absl::StrAppend(&cases, "        names=(${(f)\"$(_sluice_names $words[1] ", each.names,
                      ")\"})\n        compadd -a names\n");
    }
    Strings open;  // behind these comes a value
    Strings whole;
    for (const std::string& word : each.words) {
      (word.ends_with('=') ? open : whole).push_back(word);
    }
    if (!whole.empty()) absl::StrAppend(&cases, "        compadd -- ", Joined(whole, " "), "\n");
    if (!open.empty())
      absl::StrAppend(&cases, "        compadd -S '' -- ", Joined(open, " "), "\n");
    absl::StrAppend(&cases, "        ;;\n");
  }
  return cases;
}

std::string Filled(const char* script, const std::vector<Completed>& commands,
                   const std::string& cases, const CommandLine& line) {
  std::string described;
  for (const Completed& each : commands) {
    absl::StrAppend(&described, "          ", Quoted(absl::StrCat(each.name, ":", each.help)),
                    "\n");
  }
  Strings words;
  for (const CommandLine::Word& each : line.words) words.push_back(each.name);
  return absl::StrReplaceAll(script, {{"@FILES@", absl::StrJoin(kWithFile, "|")},
                                      {"@WORDS@", Joined(words, " ")},
                                      {"@OPTIONS@", Joined(line.options, " ")},
                                      {"@SHELLS@", absl::StrJoin(kShells, " ")},
                                      {"@COMMANDS@", Joined(NamesOf(commands), " ")},
                                      {"@DESCRIBED@", described},
                                      {"@CASES@", cases},
                                      {"@CTL_OPTIONS@", Joined(CtlOptionNames(), " ")}});
}

// A line for each thing that may come, with the condition under which it may.
std::string FishScript(const std::vector<Completed>& commands, const CommandLine& line) {
  std::string script =
      "# Completion of sluice for fish, made by: sluice completion fish\n"
      "function __sluice_names\n"
      "  sluice ctl $argv[1] 2>/dev/null | sed -n '2,$s/ .*//p'\n"
      "end\n"
      "complete -c sluice -f\n";
  for (const CommandLine::Word& each : line.words) {
    absl::StrAppend(&script, "complete -c sluice -n __fish_use_subcommand -a ", each.name, " -d ",
                    Quoted(PhraseOf(each.help)), "\n");
  }
  for (const std::string& each : line.options) {
    absl::StrAppend(&script, "complete -c sluice -n __fish_use_subcommand -l ", each.substr(2),
                    TakesFile(each) ? " -r -F" : "", "\n");
  }
  absl::StrAppend(&script, "complete -c sluice -n '__fish_seen_subcommand_from completion' -a '",
                  absl::StrJoin(kShells, " "), "'\n");
  const std::string all = Joined(NamesOf(commands), " ");
  const std::string in_ctl = "__fish_seen_subcommand_from ctl";
  for (const Completed& each : commands) {
    absl::StrAppend(&script, "complete -c sluice -n '", in_ctl,
                    "; and not __fish_seen_subcommand_from ", all, "' -a ", each.name, " -d ",
                    Quoted(each.help), "\n");
    const std::string behind =
        absl::StrCat("complete -c sluice -n '", in_ctl, "; and __fish_seen_subcommand_from ",
                     each.name, "' -a ");
    if (!each.names.empty())
      absl::StrAppend(&script, behind, "'(__sluice_names ", each.names, ")'\n");
    if (!each.words.empty())
      absl::StrAppend(&script, behind, Quoted(Joined(each.words, " ")), "\n");
  }
  for (const CtlOption& each : CtlOptions()) {
    absl::StrAppend(&script, "complete -c sluice -n '", in_ctl, "' -l ",
                    std::string(each.name.substr(2)), TakesFile(each.name) ? " -r -F" : "", " -d ",
                    Quoted(PhraseOf(each.help)), "\n");
  }
  return script;
}

}  // namespace

absl::StatusOr<std::string> CompletionScript(std::string_view shell, const CommandLine& line) {
  const std::vector<Completed> commands = CompletedCommands();
  if (shell == "bash") return Filled(kBash, commands, BashCases(commands), line);
  if (shell == "zsh") return Filled(kZsh, commands, ZshCases(commands), line);
  if (shell == "fish") return FishScript(commands, line);
  return absl::InvalidArgumentError(absl::StrCat(
      shell.empty() ? "a shell is needed" : absl::StrCat("unknown shell ", conf::Printable(shell)),
      "; allowed: sluice completion ", absl::StrJoin(kShells, "|")));
}

}  // namespace sluice::proxy
