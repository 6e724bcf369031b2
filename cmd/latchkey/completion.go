package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// completing is what the scripts ask the program, so that there is one truth and it is never stale.
const completing = "__complete"

var completionScripts = map[string]string{
	"bash": `# Put this into ~/.bashrc: source <(latchkey completion bash)
_latchkey() {
  local IFS=$'\n'
  COMPREPLY=($(latchkey ` + completing + ` "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _latchkey latchkey
`,
	"zsh": `#compdef latchkey
# Put this into ~/.zshrc, after compinit: source <(latchkey completion zsh)
_latchkey() {
  local -a found
  found=("${(@f)$(latchkey ` + completing + ` "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n ${found[1]} ]]; then
    found=("${(@)found/$'\t'/:}")
    _describe latchkey found
  else
    _files
  fi
}
if [[ ${funcstack[1]} = _latchkey ]]; then _latchkey "$@"; else compdef _latchkey latchkey; fi
`,
	"fish": `# Put this into ~/.config/fish/completions/latchkey.fish
function __latchkey_complete
  set -l given (commandline -opc)
  set -l last (commandline -ct)
  set -e given[1]
  latchkey ` + completing + ` $given "$last" 2>/dev/null
end
complete -c latchkey -a '(__latchkey_complete)'
`,
}

func (c completionCmd) run(_ context.Context, d *desk) error {
	_, err := io.WriteString(d.out, completionScripts[c.Shell])
	return err
}

// complete prints how the last of the words could go on, with a tab and what it is. Nothing: a file, or what nobody knows.
func complete(w io.Writer, model *kong.Application, given []string) {
	if len(given) == 0 {
		given = []string{""}
	}
	node, waiting := model.Node, (*kong.Flag)(nil)
	last := given[len(given)-1]
	for _, word := range given[:len(given)-1] {
		switch {
		case waiting != nil:
			waiting = nil
		case strings.HasPrefix(word, "-"):
			waiting = valued(node, word)
		default:
			node = child(node, word)
		}
	}
	hideSettings(model, node)
	offer := func(name, what string) {
		if strings.HasPrefix(name, last) && name != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, strings.TrimSuffix(what, "."))
		}
	}
	switch {
	case waiting != nil:
		offerValues(waiting.Value, offer)
	case strings.HasPrefix(last, "-"):
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				offer("--"+f.Name, f.Help)
			}
		}
	default:
		for _, n := range node.Children {
			if !n.Hidden {
				offer(n.Name, n.Help)
			}
		}
		if len(node.Positional) > 0 {
			offerValues(node.Positional[0], offer)
		}
	}
}

func offerValues(v *kong.Value, offer func(name, what string)) {
	if v.Enum == "" {
		return
	}
	for _, value := range v.EnumSlice() {
		offer(value, "")
	}
}

// valued is the flag that a word names, if its value is the next word.
func valued(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		i := slices.IndexFunc(group, func(f *kong.Flag) bool { return word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) })
		if i >= 0 && !group[i].IsBool() {
			return group[i]
		}
	}
	return nil
}

// child is the command that a word names, or where we are: it is an argument.
func child(node *kong.Node, word string) *kong.Node {
	for _, n := range node.Children {
		if n.Name == word {
			return n
		}
	}
	return node
}
