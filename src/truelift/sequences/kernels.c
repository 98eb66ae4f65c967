/* The passes over ordered events that cost most, as plain loops.
 *
 * Called through ctypes, which needs no headers of Python and releases its lock.
 * Every function has a twin of numpy passes, which answers where there was no
 * compiler; tests hold the two against each other. Arrays are contiguous; rows of a
 * unit stand together, in the order of time.
 */

#include <stdint.h>

#define STEPS 20

/* One or the other without a branch: where data are a coin, no processor guesses it, and
 * compilers make branches of `?:`. `holds` is 0 or 1.
 */
static inline int64_t either(int64_t holds, int64_t one, int64_t other) {
    return other ^ ((one ^ other) & -holds);
}

/* Longer before any event than any window. */
#define LONG_AGO (-((int64_t)3 << 61))

/* The deepest attempt of every unit at an ordered funnel: see `sequences.funnels`.
 *
 * Bit k of `mask` says that the event may serve step k; there are 1 to 20 steps, and
 * simultaneous events stand by their lowest step. Gives, for every unit that began, the row
 * of the earliest start that gets as deep as any, the steps it got through, and whether a
 * window that ends at or after `as_of` is still open. Returns how many units began.
 */
#define ATTEMPTS(NAME, UNIT, MASK)                                                                \
    int64_t NAME(const UNIT *unit, const int64_t *at, const MASK *mask, int64_t rows,             \
                 int32_t steps, int64_t window, int64_t as_of, int64_t *start, int64_t *depth,    \
                 uint8_t *is_open) {                                                              \
        const uint32_t wanted = (1u << steps) - 1;                                                \
        int64_t begun = 0;                                                                        \
        for (int64_t row = 0; row < rows;) {                                                      \
            const UNIT who = unit[row];                                                           \
            /* latest[k]: the latest start from which k steps were done by now. */                \
            int64_t latest[STEPS + 1], last_start = 0, completed = 0;                             \
            int64_t deepest = 0, earliest = -1;                                                   \
            for (int32_t step = 1; step <= steps; step++)                                         \
                latest[step] = LONG_AGO;                                                          \
            for (; row < rows && unit[row] == who; row++) {                                       \
                uint32_t bits = (uint32_t)mask[row] & wanted;                                     \
                const int64_t now = latest[0] = at[row];                                          \
                last_start = either(bits & 1, now, last_start);                                   \
                earliest = either((bits & 1) & (earliest < 0), row, earliest);                    \
                /* From the last step down, so that one event serves one step of a chain; what */ \
                /* happens to it is chosen, not jumped over: nobody guesses who goes on. */       \
                while (bits) {                                                                    \
                    const int32_t step = 31 - __builtin_clz(bits);                                \
                    bits ^= 1u << step;                                                           \
                    const int64_t from = latest[step];                                            \
                    const int64_t goes_on = now - from <= window;                                 \
                    latest[step + 1] = either(goes_on, from, latest[step + 1]);                   \
                    const int64_t deeper = goes_on & (step >= deepest);                           \
                    deepest = either(deeper, step + 1, deepest);                                  \
                    completed = either(deeper, row, completed);                                   \
                }                                                                                 \
            }                                                                                     \
            /* The earliest start is the one, but for windows that close before the last step. */ \
            int64_t chosen = earliest;                                                            \
            if (deepest > 1 && at[completed] - at[chosen] > window)                               \
                while (!(mask[chosen] & 1) || at[completed] - at[chosen] > window)                \
                    chosen++;                                                                     \
            start[begun] = chosen;                                                                \
            depth[begun] = deepest;                                                               \
            is_open[begun] = last_start >= as_of - window;                                        \
            begun += deepest > 0;                                                                 \
        }                                                                                         \
        return begun;                                                                             \
    }

ATTEMPTS(ordered_attempts_32_8, int32_t, int8_t)
ATTEMPTS(ordered_attempts_32_32, int32_t, int32_t)
ATTEMPTS(ordered_attempts_64_8, int64_t, int8_t)
ATTEMPTS(ordered_attempts_64_32, int64_t, int32_t)

/* Cuts the rows of units into sessions, and counts what is in each.
 *
 * A session begins with the first event of a unit, with any later than `inactivity` after
 * the one before, with any later than `longest` after the session's first, and where `cut`,
 * if it is given, says so. Gives, for every session, the row of its first event and, where
 * `kind` is given, how many of its events have bit 0 of it (`low`) and bit 1 (`high`).
 * Returns how many sessions there are.
 */
#define SESSIONS(NAME, UNIT)                                                                      \
    int64_t NAME(const UNIT *unit, const int64_t *at, const int8_t *kind, int64_t rows,           \
                 int64_t inactivity, int64_t longest, const uint8_t *cut, int64_t *first,         \
                 int64_t *low, int64_t *high) {                                                   \
        int64_t count = 0, begun = 0, lows = 0, highs = 0;                                        \
        for (int64_t row = 0; row < rows; row++) {                                                \
            const int begins = row == 0 || unit[row] != unit[row - 1] ||                          \
                               at[row] - at[row - 1] > inactivity || at[row] - begun > longest || \
                               (cut && cut[row]);                                                 \
            if (begins) {                                                                         \
                if (kind && count) {                                                              \
                    low[count - 1] = lows;                                                        \
                    high[count - 1] = highs;                                                      \
                    lows = highs = 0;                                                             \
                }                                                                                 \
                begun = at[row];                                                                  \
                first[count++] = row;                                                             \
            }                                                                                     \
            if (kind) {                                                                           \
                lows += kind[row] & 1;                                                            \
                highs += (kind[row] >> 1) & 1;                                                    \
            }                                                                                     \
        }                                                                                         \
        if (kind && count) {                                                                      \
            low[count - 1] = lows;                                                                \
            high[count - 1] = highs;                                                              \
        }                                                                                         \
        return count;                                                                             \
    }

SESSIONS(sessions_32, int32_t)
SESSIONS(sessions_64, int64_t)

/* Cuts the rows of units into sessions, and adds up all of those that begin at or after
 * `since` and before `until`.
 *
 * Bit 0 of `kind` is a page, bit 1 a key event. Engaged is who stayed `engaged_ms`, saw
 * `engaged_pages` or had a key event; who did not and may go on at `as_of` is immature.
 * Gives in `total`: sessions, units, events, pages, engaged, immature, sessions with a key
 * event, key events, and the time from first to last event.
 */
#define TOTALS(NAME, UNIT)                                                                        \
    void NAME(const UNIT *unit, const int64_t *at, const int8_t *kind, int64_t rows,              \
              int64_t inactivity, int64_t longest, int64_t since, int64_t until,                  \
              int64_t engaged_ms, int64_t engaged_pages, int64_t as_of, int64_t *total) {         \
        int64_t sessions = 0, units = 0, events = 0, pages = 0, engaged = 0, immature = 0;        \
        int64_t converting = 0, conversions = 0, lasted = 0;                                      \
        int64_t somebody = 0, counted = 0;                                                        \
        for (int64_t row = 0; row < rows;) {                                                      \
            const int64_t first = row, begun = at[row];                                           \
            const UNIT who = unit[row];                                                           \
            int64_t seen = kind[row] & 1, keys = (kind[row] >> 1) & 1, last = begun;              \
            for (row++; row < rows; row++) {                                                      \
                const int64_t now = at[row];                                                      \
                if ((unit[row] != who) | (now - last > inactivity) | (now - begun > longest))     \
                    break;                                                                        \
                seen += kind[row] & 1;                                                            \
                keys += (kind[row] >> 1) & 1;                                                     \
                last = now;                                                                       \
            }                                                                                     \
            if (begun < since || begun >= until)                                                  \
                continue;                                                                         \
            const int64_t stayed =                                                                \
                (last - begun >= engaged_ms) | (seen >= engaged_pages) | (keys > 0);              \
            sessions++;                                                                           \
            units += !somebody | (counted != (int64_t)who);                                       \
            somebody = 1;                                                                         \
            counted = (int64_t)who;                                                               \
            events += row - first;                                                                \
            pages += seen;                                                                        \
            engaged += stayed;                                                                    \
            immature += !stayed & (last >= as_of - inactivity) & (begun >= as_of - longest);      \
            converting += keys > 0;                                                               \
            conversions += keys;                                                                  \
            lasted += last - begun;                                                               \
        }                                                                                         \
        const int64_t found[] = {sessions,   units,       events, pages, engaged, immature,       \
                                 converting, conversions, lasted};                                \
        for (int place = 0; place < 9; place++)                                                   \
            total[place] = found[place];                                                          \
    }

TOTALS(session_totals_32, int32_t)
TOTALS(session_totals_64, int64_t)

/* Counts cohorts of first events, and who of them comes back in which interval.
 *
 * Bit 1 of `kind` puts a unit into the cohort of its first such event, which lies in
 * [since, until); bit 0 is a return, at or after that event. Intervals are found through
 * `known`, the place of every step of 2^shift ms from `origin`; a place ends at `next`,
 * and `interval` is its number; instants before the origin are before all, those after
 * `last` are at `last`. Where `own` is not 0, intervals of that length begin with the
 * unit's event. Adds to cell `(group x cohorts + cohort) x columns`: one for the unit, and
 * one in column 1 + k for every interval k < columns - 2 in which it came back; with
 * `or_later`, one for the last of them alone, those after all in the last column.
 */
#define COHORTS(NAME, UNIT)                                                                       \
    void NAME(const UNIT *unit, const int64_t *at, const int8_t *kind, const int64_t *group,      \
              int64_t rows, const int64_t *known, const int64_t *next, const int64_t *interval,   \
              int64_t origin, int64_t last, int32_t shift, int64_t since, int64_t until,          \
              int64_t cohorts, int64_t columns, int64_t own, int32_t or_later,                    \
              int64_t *counts) {                                                                  \
        for (int64_t row = 0; row < rows;) {                                                      \
            const UNIT who = unit[row];                                                           \
            while (row < rows && unit[row] == who && !(kind[row] & 2))                            \
                row++;                                                                            \
            if (row == rows || unit[row] != who)                                                  \
                continue;                                                                         \
            const int64_t joined = at[row];                                                       \
            const int64_t cohort = PLACE(joined);                                                 \
            if (cohort >= 0 && cohort < cohorts && joined >= since && joined < until) {           \
                int64_t *cell = counts + ((group ? group[row] : 0) * cohorts + cohort) * columns; \
                const int64_t most = columns - 2;                                                 \
                int64_t before = -1;                                                              \
                cell[0]++;                                                                        \
                for (; row < rows && unit[row] == who; row++) {                                   \
                    if (!(kind[row] & 1))                                                         \
                        continue;                                                                 \
                    const int64_t after = own ? (at[row] - joined) / own : PLACE(at[row]) - cohort; \
                    if (!or_later && after != before && after < most)                             \
                        cell[1 + after]++;                                                        \
                    before = after;                                                               \
                }                                                                                 \
                if (or_later && before >= 0)                                                      \
                    cell[1 + (before < most ? before : most)]++;                                  \
            }                                                                                     \
            while (row < rows && unit[row] == who)                                                \
                row++;                                                                            \
        }                                                                                         \
    }

#define PLACE(AT) place_of((AT), known, next, interval, origin, last, shift)

static inline int64_t place_of(int64_t at, const int64_t *known, const int64_t *next,
                               const int64_t *interval, int64_t origin, int64_t last,
                               int32_t shift) {
    if (at < origin)
        return -1;
    at = at < last ? at : last;
    const int64_t place = known[(at - origin) >> shift];
    return interval[place + (at >= next[place])];
}

COHORTS(first_cohorts_32, int32_t)
COHORTS(first_cohorts_64, int64_t)

/* Picks the events that a question reads out of a whole index: those that `number` gives a
 * mark (all of them where `unmarked`), in time, and not of a person that is `gone` (where
 * that is given). Gives their rows, persons, instants and marks, and in `ties` how many
 * stand at the instant of the one before of the same person. Returns how many there are.
 */
#define PICK(NAME, CODE, MARK)                                                                    \
    int64_t NAME(const CODE *code, const int32_t *unit, const int64_t *at, int64_t rows,          \
                 const MARK *number, int32_t unmarked, int64_t since, int64_t until,              \
                 const uint8_t *gone, int32_t *picked, int32_t *who, int64_t *when, MARK *mark,   \
                 int64_t *ties) {                                                                 \
        int64_t count = 0, same = 0;                                                              \
        /* Written whether it stays or not: a branch here is a coin that nobody guesses. Where */ \
        /* all are in time and nobody is gone, nothing but the codes is read of the others. */    \
        if (gone || since > -ALWAYS || until < ALWAYS)                                            \
            for (int64_t row = 0; row < rows; row++) {                                            \
                picked[count] = (int32_t)row;                                                     \
                count += ((number[code[row]] != 0) | unmarked) & (at[row] >= since) &             \
                         (at[row] < until) & !(gone && gone[unit[row]]);                          \
            }                                                                                     \
        else                                                                                      \
            for (int64_t row = 0; row < rows; row++) {                                            \
                picked[count] = (int32_t)row;                                                     \
                count += (number[code[row]] != 0) | unmarked;                                     \
            }                                                                                     \
        for (int64_t place = 0; place < count; place++) {                                         \
            const int32_t row = picked[place];                                                    \
            who[place] = unit[row];                                                               \
            when[place] = at[row];                                                                \
            mark[place] = number[code[row]];                                                      \
        }                                                                                         \
        for (int64_t place = 1; place < count; place++)                                           \
            same += (who[place] == who[place - 1]) & (when[place] == when[place - 1]);            \
        *ties = same;                                                                             \
        return count;                                                                             \
    }

/* Instants lie between this and its opposite. */
#define ALWAYS ((int64_t)1 << 62)

PICK(pick_8_8, uint8_t, int8_t)
PICK(pick_8_32, uint8_t, int32_t)
PICK(pick_16_8, uint16_t, int8_t)
PICK(pick_16_32, uint16_t, int32_t)
PICK(pick_32_8, uint32_t, int8_t)
PICK(pick_32_32, uint32_t, int32_t)

/* Gives the mark of every event, where all of them are read as they stand. */
#define MARKS(NAME, CODE, MARK)                                                                   \
    void NAME(const CODE *code, int64_t rows, const MARK *number, MARK *mark) {                   \
        for (int64_t row = 0; row < rows; row++)                                                  \
            mark[row] = number[code[row]];                                                        \
    }

MARKS(marks_8_8, uint8_t, int8_t)
MARKS(marks_8_32, uint8_t, int32_t)
MARKS(marks_16_8, uint16_t, int8_t)
MARKS(marks_16_32, uint16_t, int32_t)
MARKS(marks_32_8, uint32_t, int8_t)
MARKS(marks_32_32, uint32_t, int32_t)

/* Gives the codes of some events, and `nothing` where a mark has none of the bits `where`. */
#define CODES(NAME, CODE, MARK)                                                                   \
    void NAME(const CODE *code, const int32_t *picked, const MARK *mark, int64_t count,           \
              int32_t where, int32_t nothing, CODE *found) {                                      \
        for (int64_t place = 0; place < count; place++) {                                         \
            const CODE told = code[picked[place]];                                                \
            found[place] = (CODE)either((mark[place] & where) != 0, told, nothing);               \
        }                                                                                         \
    }

CODES(codes_8_8, uint8_t, int8_t)
CODES(codes_8_32, uint8_t, int32_t)
CODES(codes_16_8, uint16_t, int8_t)
CODES(codes_16_32, uint16_t, int32_t)
CODES(codes_32_8, uint32_t, int8_t)
CODES(codes_32_32, uint32_t, int32_t)

/* Finds every key among ordered ones that are different, -1 for those that are not there.
 *
 * Rows mostly come in the order of their keys, so that the next key is the last one or the
 * one after it; else it is searched for.
 */
void places_64(const int64_t *key, int64_t rows, const int64_t *ordered, int64_t count,
               int32_t *place) {
    int64_t here = 0;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t wanted = key[row];
        if (here < count && ordered[here] < wanted)
            here++;
        const int64_t low_end = here > 0 ? ordered[here - 1] : -INT64_MAX - 1;
        if ((here < count && ordered[here] < wanted) || (here > 0 && low_end >= wanted)) {
            int64_t low = 0, high = count;
            while (low < high) {
                const int64_t middle = (low + high) >> 1;
                if (ordered[middle] < wanted)
                    low = middle + 1;
                else
                    high = middle;
            }
            here = low;
        }
        place[row] = here < count && ordered[here] == wanted ? (int32_t)here : -1;
    }
}

/* Adds up what units did, several sums at once: see `sequences.unit_sums`.
 *
 * Rows with code c go into the sums `sums[offsets[c]]` to `sums[offsets[c + 1] - 1]`; sum s
 * takes what came `low[s]` to `high[s]` after its unit began, and of it 1, or the number of
 * the row in `amounts` (`amount[s]` says which, -1 for 1), or 1 where it has such a number
 * (`counts[s]`). A row of no unit has -1; a number that is not there is NaN. `first`, where
 * that is given, becomes the instant of every unit's first row.
 */
void unit_sums_32(const int32_t *unit, const int64_t *at, const int32_t *code, int64_t rows,
                  const int64_t *begun, int64_t units, const int32_t *offsets,
                  const int32_t *sums, const int64_t *low, const int64_t *high,
                  const int32_t *amount, const uint8_t *counts, const double *const *amounts,
                  int64_t *first, double *found) {
    for (int64_t row = 0; row < rows; row++) {
        const int64_t who = unit[row];
        if (who < 0)
            continue;
        if (first && at[row] < first[who])
            first[who] = at[row];
        const int64_t after = at[row] - begun[who];
        for (int32_t nth = offsets[code[row]]; nth < offsets[code[row] + 1]; nth++) {
            const int32_t sum = sums[nth];
            if (after < low[sum] || after > high[sum])
                continue;
            double number = 1;
            if (amount[sum] >= 0) {
                number = amounts[amount[sum]][row];
                if (number != number)
                    continue;
                if (counts[sum])
                    number = 1;
            }
            found[sum * units + who] += number;
        }
    }
}
