"""The link order of Debian's abseil (20220623), as `pkg-config --libs` gives it.

Static archives, asked for by name: what the program does not refer to costs nothing in the binary.
"""

ABSL_LINKOPTS = ["-l:libabsl_%s.a" % name for name in [
    "flags_parse",
    "flags_usage",
    "flags_usage_internal",
    "flags_internal",
    "flags_marshalling",
    "flags_reflection",
    "flags_private_handle_accessor",
    "flags_commandlineflag",
    "flags_commandlineflag_internal",
    "flags_config",
    "flags_program_name",
    "statusor",
    "status",
    "strerror",
    "str_format_internal",
    "raw_hash_set",
    "hashtablez_sampler",
    "hash",
    "city",
    "bad_variant_access",
    "low_level_hash",
    "cord",
    "cordz_info",
    "cord_internal",
    "cordz_functions",
    "exponential_biased",
    "cordz_handle",
    "synchronization",
    "graphcycles_internal",
    "time",
    "civil_time",
    "time_zone",
    "bad_optional_access",
    "failure_signal_handler",
    "examine_stack",
    "symbolize",
    "demangle_internal",
    "malloc_internal",
    "strings",
    "strings_internal",
    "int128",
    "throw_delegate",
    "stacktrace",
    "debugging_internal",
    "base",
    "spinlock_wait",
    "raw_logging_internal",
    "log_severity",
]] + ["-lrt"]

# The functions that tsan_absl.cc wraps, by their linker names.
_TSAN_WRAPPED = [
    "5Mutex4LockEv",
    "5Mutex6UnlockEv",
    "5Mutex7TryLockEv",
    "5Mutex10ReaderLockEv",
    "5Mutex12ReaderUnlockEv",
    "5Mutex13ReaderTryLockEv",
    "5Mutex8LockWhenERKNS0_9ConditionE",
    "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE",
    "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE",
    "5Mutex5AwaitERKNS0_9ConditionE",
    "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE",
    "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE",
    "7CondVar4WaitEPNS0_5MutexE",
    "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE",
    "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE",
    "15BlockingCounter14DecrementCountEv",
    "15BlockingCounter4WaitEv",
    "7Barrier5BlockEv",
    "12Notification6NotifyEv",
]

_TSAN_WRAPPED_CONST = [
    "12Notification19WaitForNotificationEv",
    "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE",
    "12Notification31WaitForNotificationWithDeadlineENS0_4TimeE",
]

TSAN_LINKOPTS = (
    ["-Wl,--wrap=_ZN4absl7debian3" + name for name in _TSAN_WRAPPED] +
    ["-Wl,--wrap=_ZNK4absl7debian3" + name for name in _TSAN_WRAPPED_CONST]
)
