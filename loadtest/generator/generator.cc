// generator PLAN | generator -      runs a plan (JSON; "-" reads it as one line of standard input)
//
// Prints one JSON line per event; the last one, "event": "result", has the figures. The README.md
// of loadtest/ lists what a plan may say. The exit code is 0 also when connections failed, because
// that is a result, and 2 for an invalid plan.

#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>

#include "loadtest/generator/engine.h"
#include "loadtest/generator/plan.h"
#include "loadtest/upstream/sockets.h"

int main(int argc, char** argv) {
  using sluice::loadtest::Engine;
  if (argc != 2) {
    std::fprintf(stderr, "usage: generator PLAN\n");
    return 2;
  }
  std::string text = argv[1];
  if (text == "-") std::getline(std::cin, text);
  sluice::loadtest::Plan plan;
  const std::string error = ParsePlan(text, &plan);
  if (!error.empty()) {
    std::fprintf(stderr, "generator: plan: %s\n", error.c_str());
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  sluice::loadtest::RaiseDescriptorLimit();
  Engine engine(plan);
  std::printf("%s\n", engine.Run().dump().c_str());
  return 0;
}
