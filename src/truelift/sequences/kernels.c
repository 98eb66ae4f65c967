/* The passes over ordered events that cost most, as plain loops.
 *
 * Called through ctypes, which needs no headers of Python and releases its lock.
 * Every function has a twin of numpy passes, which answers where there was no
 * compiler; tests hold the two against each other. Arrays are contiguous; rows of a
 * unit stand together, in the order of time.
 */

#include <stdint.h>

#define STEPS 20

/* The deepest attempt of every unit at an ordered funnel: see `sequences.funnels`.
 *
 * Bit k of `mask` says that the event may serve step k; there are 1 to 20 steps, and
 * simultaneous events stand by their lowest step. Gives, for every unit that began, the row of the earliest start
 * that gets as deep as any, the steps it got through, and whether a window that ends
 * at or after `as_of` is still open. Returns how many units began.
 */
int64_t ordered_attempts(const int64_t *unit, const int64_t *at, const int32_t *mask, int64_t rows,
                         int32_t steps, int64_t window, int64_t as_of, int64_t *start,
                         int64_t *depth, uint8_t *is_open) {
    int64_t begun = 0;
    for (int64_t row = 0; row < rows;) {
        const int64_t first = row, who = unit[row];
        /* latest[k]: the latest start from which k + 1 steps were done by now. */
        int64_t latest[STEPS], last_start = 0, completed = 0;
        int32_t deepest = 0, reached = 0;
        for (; row < rows && unit[row] == who; row++) {
            uint32_t bits = (uint32_t)mask[row] & ((1u << steps) - 1);
            const int64_t now = at[row];
            /* From the last step down, so that one event serves one step of a chain. */
            while (bits & ~1u) {
                const int32_t step = 31 - __builtin_clz(bits);
                bits &= ~(1u << step);
                if (step > reached || now - latest[step - 1] > window)
                    continue;
                latest[step] = latest[step - 1];
                if (step == reached)
                    reached++;
                if (step >= deepest) {
                    deepest = step + 1;
                    completed = row;
                }
            }
            if (bits) {
                latest[0] = last_start = now;
                if (!reached)
                    reached = 1;
                if (!deepest) {
                    deepest = 1;
                    completed = row;
                }
            }
        }
        if (!deepest)
            continue;
        int64_t chosen = completed;
        if (deepest > 1)
            for (chosen = first;; chosen++)
                if ((mask[chosen] & 1) && at[completed] - at[chosen] <= window)
                    break;
        start[begun] = chosen;
        depth[begun] = deepest;
        is_open[begun] = last_start >= as_of - window;
        begun++;
    }
    return begun;
}

/* Marks the events that begin a session: the first of a unit, any later than `inactivity`
 * after the one before, and any later than `longest` after the session's first. `cut`,
 * where it is given, marks events that begin one whatever the time.
 */
void session_begins(const int64_t *unit, const int64_t *at, int64_t rows, int64_t inactivity,
                    int64_t longest, const uint8_t *cut, uint8_t *begins) {
    int64_t first = 0;
    for (int64_t row = 0; row < rows; row++) {
        const int begin = row == 0 || unit[row] != unit[row - 1] ||
                          at[row] - at[row - 1] > inactivity || at[row] - first > longest ||
                          (cut && cut[row]);
        begins[row] = (uint8_t)begin;
        if (begin)
            first = at[row];
    }
}

/* Picks the events that a question reads out of a whole index: those that `number` gives a
 * mark (all of them where `unmarked`), in time, and not of a person that is `gone` (where
 * that is given). Gives their rows, persons, instants and marks, and in `ties` how many
 * stand at the instant of the one before of the same person. Returns how many there are.
 */
#define PICK(NAME, CODE)                                                                        \
    int64_t NAME(const CODE *code, const int32_t *unit, const int64_t *at, int64_t rows,       \
                 const int32_t *number, int32_t unmarked, int64_t since, int64_t until,        \
                 const uint8_t *gone, int64_t *picked, int64_t *who, int64_t *when,            \
                 int32_t *mark, int64_t *ties) {                                               \
        int64_t count = 0, same = 0, last_who = -1, last_when = 0;                             \
        for (int64_t row = 0; row < rows; row++) {                                             \
            const int32_t found = number[code[row]];                                           \
            const int64_t person = unit[row], now = at[row];                                   \
            /* Written whether it stays or not: a branch here is a coin that nobody guesses. */ \
            const int64_t stays = ((found != 0) | unmarked) & (now >= since) & (now < until) & \
                                  !(gone && gone[person]);                                     \
            picked[count] = row;                                                               \
            who[count] = person;                                                               \
            when[count] = now;                                                                 \
            mark[count] = found;                                                               \
            same += stays & (person == last_who) & (now == last_when);                         \
            last_who = stays ? person : last_who;                                              \
            last_when = stays ? now : last_when;                                               \
            count += stays;                                                                    \
        }                                                                                      \
        *ties = same;                                                                          \
        return count;                                                                          \
    }

PICK(pick_8, uint8_t)
PICK(pick_16, uint16_t)
PICK(pick_32, uint32_t)
