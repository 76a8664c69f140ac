// TaskListJson: what ListTasks says, as JSON.
//
//   {"pid":..,"watched_us":..,"tasks_total":..,"slow_polls":..,"unwatched":..,
//    "tasks":[{"id":..,"parent":..,"name":"..","file":"..","line":..,"function":"..",
//              "state":"ready|running|waiting","in_state_us":..,"age_us":..,"busy_us":..,
//              "queued_us":..,"idle_us":..,"longest_poll_us":..,"polls":..,"wakes":..,
//              "woken_by":"..","worker":..,"waits_for":[".."],"resource":"..",
//              "spans":[{"name":"..","open_us":..,"fields":{..}}]}],
//    "resources_total":..,
//    "resources":[{"address":"0x..","kind":"..","name":"..","waiting":..,
//                  "holders":[{"task":..,"name":"..","count":..,"held_us":..}]}],
//    "poll_times":[{"below_us":1,"count":..},..,{"below_us":null,"count":..}]}
//
// woken_by: "task 7", "reactor" (an operation or a timer), "outside", or "". resource: the address
// of what others may wait for, too, or "". Times are whole microseconds. The totals count what the
// query's limit has left out, too.
// Checked by: tests/core/console/task_json_test.cc.
#ifndef SLUICE_CORE_CONSOLE_TASK_JSON_H_
#define SLUICE_CORE_CONSOLE_TASK_JSON_H_

#include <optional>
#include <string>

#include "core/runtime/handle.h"
#include "core/runtime/task_list.h"
#include "core/runtime/task_query.h"

namespace sluice::core {

// In one line.
std::string TaskListJson(const TaskList& list);

// Nothing: the runtime does not watch its tasks.
std::optional<std::string> TasksJson(RuntimeHandle runtime, const TaskQuery& query = {});

}  // namespace sluice::core

#endif  // SLUICE_CORE_CONSOLE_TASK_JSON_H_
