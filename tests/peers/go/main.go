// flagd's own evaluator, dialect v2 of `fractional`, behind lines of JSON; the lines are described in ../pypi/driver.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/open-feature/flagd/core/pkg/evaluator"
	"github.com/open-feature/flagd/core/pkg/logger"
	"github.com/open-feature/flagd/core/pkg/store"
	"github.com/open-feature/flagd/core/pkg/sync"
	"go.uber.org/zap"
)

type asked struct {
	Document string `json:"document"`
	Asks     []ask  `json:"asks"`
}

type ask struct {
	Flag    string         `json:"flag"`
	Kind    string         `json:"kind"`
	Context map[string]any `json:"context"`
}

type outcome struct {
	Refused string   `json:"refused,omitempty"`
	Answers []answer `json:"answers,omitempty"`
}

type answer struct {
	Value    any            `json:"value,omitempty"`
	Variant  *string        `json:"variant,omitempty"`
	Reason   string         `json:"reason"`
	Error    string         `json:"error,omitempty"`
	Metadata map[string]any `json:"metadata"`
}

func main() {
	log := logger.NewLogger(zap.NewNop(), false)
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		if err := out.Encode(answers(log, line)); err != nil {
			panic(err)
		}
	}
}

func answers(log *logger.Logger, line []byte) outcome {
	var asked asked
	if err := json.Unmarshal(line, &asked); err != nil {
		panic(err)
	}
	flags, err := store.NewStore(log, []string{"file"})
	if err != nil {
		panic(err)
	}
	core := evaluator.NewJSON(log, flags)
	if err := core.SetState(sync.DataSync{FlagData: asked.Document, Source: "file"}); err != nil {
		return outcome{Refused: err.Error()}
	}
	found := outcome{Answers: []answer{}}
	for _, ask := range asked.Asks {
		found.Answers = append(found.Answers, resolve(core, ask))
	}
	return found
}

func resolve(core *evaluator.JSON, ask ask) (found answer) {
	// An evaluator that panics is an answer too: one that a caller would not survive.
	defer func() {
		if panicked := recover(); panicked != nil {
			found = answer{Reason: "ERROR", Error: "CRASH " + fmt.Sprint(panicked)}
		}
	}()
	ctx := context.Background()
	var value any
	var variant, reason string
	var metadata map[string]any
	var err error
	switch ask.Kind {
	case "boolean":
		value, variant, reason, metadata, err = core.ResolveBooleanValue(ctx, "", ask.Flag, ask.Context)
	case "string":
		value, variant, reason, metadata, err = core.ResolveStringValue(ctx, "", ask.Flag, ask.Context)
	case "integer":
		value, variant, reason, metadata, err = core.ResolveIntValue(ctx, "", ask.Flag, ask.Context)
	case "float":
		value, variant, reason, metadata, err = core.ResolveFloatValue(ctx, "", ask.Flag, ask.Context)
	default:
		value, variant, reason, metadata, err = core.ResolveObjectValue(ctx, "", ask.Flag, ask.Context)
	}
	if err != nil {
		return answer{Reason: "ERROR", Error: err.Error(), Metadata: metadata}
	}
	found = answer{Reason: reason, Metadata: metadata}
	switch reason {
	case "DISABLED":
	case "FALLBACK":
		// The daemon's name within itself: callers are told DEFAULT, and to use their own value.
		found.Reason = "DEFAULT"
	default:
		found.Value, found.Variant = value, &variant
	}
	return found
}
