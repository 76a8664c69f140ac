"""Plants mistakes in copies of the proxy's sources: plant.py SOURCE... OUTPUT_FOLDER.

Each mistake is a text that occurs exactly once in a file and what stands there instead; it acts only
in simulations of its Mutant (scenario.h). When the proxy's code has changed so that a text is not
found, the build fails: the mistake has to be planted anew.
"""

import pathlib
import sys

# File, text, text with the mistake.
MISTAKES = [
    (
        'endpoint_limits.cc',
        '  waiters_.Push(waiter);\n',
        """  core::NodeQueue earlier;
  while (sim::Planted(sim::Mutant::kQueueBackwards) && !waiters_.empty()) {
    earlier.Push(*waiters_.Pop());
  }
  waiters_.Push(waiter);
  while (!earlier.empty()) waiters_.Push(*earlier.Pop());
""",
    ),
    (
        'endpoint_limits.cc',
        '    if (next == nullptr) {\n',
        '    if (next == nullptr || sim::Planted(sim::Mutant::kQueueSkipped)) {\n',
    ),
    (
        'connector.cc',
        '    result.slot = EndpointSlot();\n',
        """    if (sim::Planted(sim::Mutant::kLeakPlace)) new EndpointSlot(std::move(result.slot));
    result.slot = EndpointSlot();
""",
    ),
    (
        'connector.cc',
        '    result.slot = cluster.limits().TryAcquire(first, tried);\n',
        """    if (sim::Planted(sim::Mutant::kTryTwice) && !tried.empty()) tried.back() = UINT32_MAX;
    result.slot = cluster.limits().TryAcquire(first, tried);
""",
    ),
    (
        'pump.cc',
        '      flow.sending_since = 0;\n      (void)co_await core::Sleep(wait);\n',
        """      if (!sim::Planted(sim::Mutant::kPaceStalls)) flow.sending_since = 0;
      (void)co_await core::Sleep(wait * (sim::Planted(sim::Mutant::kPaceForgets) ? 1000 : 1));
""",
    ),
    (
        'session.cc',
        '  Nanos next = CheckDeadline(now, expires_, What::kMaxLifetime);\n'
        '  if (upstream_ < 0) return next;',
        """  const bool connecting = upstream_ < 0;
  if (sim::Planted(sim::Mutant::kLifetimeRelayed) && connecting) return kNever;
  Nanos next = CheckDeadline(now, expires_, What::kMaxLifetime);
  if (connecting) return next;""",
    ),
    (
        'session.cc',
        '  if (!co_await core::Sleep(kWatchClientAfter)) co_return;\n',
        """  const bool deaf = sim::Planted(sim::Mutant::kDeafConnecting);
  if (!co_await core::Sleep(kWatchClientAfter * (deaf ? 1000 : 1))) co_return;
""",
    ),
    (
        'listener.cc',
        '  core::Count(stats.refused[static_cast<size_t>(verdict.refusal)]);\n',
        """  if (sim::Planted(sim::Mutant::kWrongCause)) verdict.refusal = Refusal::kListener;
  core::Count(stats.refused[static_cast<size_t>(verdict.refusal)]);
""",
    ),
    (
        'listener.cc',
        ' && verdict.refusal != Refusal::kNone) full->PassOn();\n',
        ' && verdict.refusal != Refusal::kNone &&\n'
        '        !sim::Planted(sim::Mutant::kWakeNobody)) {\n'
        '      full->PassOn();\n'
        '    }\n',
    ),
]

INCLUDE = '#include "tests/sim/planted.h"\n'


def plant(name, text):
    for file, before, after in MISTAKES:
        if file != name:
            continue
        if text.count(before) != 1:
            sys.exit(f'plant.py: {name}: found {text.count(before)} times, not once:\n{before}')
        text = text.replace(before, after)
    return INCLUDE + text


def main():
    *sources, folder = sys.argv[1:]
    for source in map(pathlib.Path, sources):
        output = pathlib.Path(folder, source.name)
        output.write_text(plant(source.name, source.read_text()))


main()
