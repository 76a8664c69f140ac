// Candidates for what was probably meant by a value that another program would take, likely ones
// first.
//
// A candidate need not be allowed: the reader suggests the first one that is.

#ifndef SLUICE_CONF_TEXT_GUESS_H_
#define SLUICE_CONF_TEXT_GUESS_H_

#include <string>
#include <string_view>
#include <vector>

namespace sluice::conf {

using Guesses = std::vector<std::string>;

// Of any value: without quotes inside quotes, blanks around, a ";" or "," behind.
Guesses GuessBareText(std::string_view text);

Guesses GuessCount(std::string_view text);     // 10k → 10000, unlimited → 0 or auto
Guesses GuessDuration(std::string_view text);  // 1.5s → 1500ms, 5 sec → 5s, 5 → 5s, none → 0s
Guesses GuessSize(std::string_view text);      // 64K → 64KiB, 1.5GiB → 1536MiB
Guesses GuessRate(std::string_view text);      // 100 → 100/s, 6000/min → 100/s
Guesses GuessByteRate(std::string_view text);  // 10Mbps → 1250kB/s
Guesses GuessPercent(std::string_view text);   // 10 → 10%, 0.1 → 10%
Guesses GuessFlag(std::string_view text);      // yes → true
Guesses GuessWord(std::string_view text);      // Round-Robin → round_robin, warning → warn
Guesses GuessName(std::string_view text);      // "my web" → my_web
Guesses GuessFileMode(std::string_view text);  // rw-rw---- → 0660, 0o660 → 0660

// `any`: the host that stands for none: "0.0.0.0" to listen, "127.0.0.1" to connect.
Guesses GuessAddress(std::string_view text, std::string_view any);  // *:80 → 0.0.0.0:80
Guesses GuessHost(std::string_view text);                           // 10.0.0.1:80 → 10.0.0.1
Guesses GuessNetwork(std::string_view text);                        // 10.1.2.3/8 → 10.0.0.0/8

}  // namespace sluice::conf

#endif  // SLUICE_CONF_TEXT_GUESS_H_
