package testdb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/postgres/embedded"
)

const (
	template  = "migrated" // the database that New clones
	stopGrace = 10 * time.Second
)

// settings trade safety for speed: the data is thrown away.
var settings = map[string]string{
	"fsync":              "off",
	"synchronous_commit": "off",
	"full_page_writes":   "off",
	"autovacuum":         "off", // it would look into the template while that is cloned
	"max_connections":    "200",
}

// Server is a temporary PostgreSQL. Its methods may be called from any goroutine.
type Server struct {
	folder *folder
	server *embedded.Server

	mu       sync.Mutex // a template must not be cloned twice at once
	admin    *pgx.Conn
	count    int
	template bool // it is there
}

// Start starts a server in a temporary folder. Stop must be called.
func Start() (*Server, error) {
	f, err := newFolder()
	if err != nil {
		return nil, fmt.Errorf("make folder of test database server: %w", err)
	}
	s := &Server{folder: f}
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start test database server: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Server) start() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if s.server, err = embedded.Start(ctx, embedded.Config{Dir: s.folder.path, Settings: settings}); err != nil {
		return err
	}
	s.admin, err = pgx.Connect(ctx, s.server.URL())
	return err
}

// Stop stops the server and removes all that it has written.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.admin != nil {
		err = s.admin.Close(context.Background())
	}
	if s.server != nil {
		err = errors.Join(err, s.server.Stop(stopGrace))
	}
	return errors.Join(err, s.folder.remove())
}

// Empty creates a database without a schema and returns its URL.
func (s *Server) Empty(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.create(ctx, "template0")
}

// Migrated creates a database with the newest schema and returns its URL.
func (s *Server) Migrated(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensureTemplate(ctx); err != nil {
		return "", fmt.Errorf("make template database: %w", err)
	}
	return s.create(ctx, template)
}

// ensureTemplate needs mu.
func (s *Server) ensureTemplate(ctx context.Context) error {
	if s.template {
		return nil
	}
	if _, err := s.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+template+" WITH (FORCE)"); err != nil { // half-made
		return err
	}
	if _, err := s.admin.Exec(ctx, "CREATE DATABASE "+template+" TEMPLATE template0"); err != nil {
		return err
	}
	if _, _, err := postgres.Migrate(ctx, s.url(template)); err != nil {
		return err
	}
	if _, err := s.admin.Exec(ctx, "ALTER DATABASE "+template+" ALLOW_CONNECTIONS false"); err != nil {
		return err
	}
	s.template = true
	return nil
}

// create needs mu.
func (s *Server) create(ctx context.Context, from string) (string, error) {
	s.count++
	name := fmt.Sprintf("test_%d", s.count)
	if _, err := s.admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+from); err != nil {
		return "", fmt.Errorf("create test database: %w", err)
	}
	return s.url(name), nil
}

// Drop drops a database that Empty or Migrated has created, and cuts off who is connected to it.
func (s *Server) Drop(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read URL of test database: %w", err)
	}
	name := pgx.Identifier{strings.TrimPrefix(u.Path, "/")}.Sanitize()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop test database: %w", err)
	}
	return nil
}

// url leads to a database of the server.
func (s *Server) url(database string) string {
	u, _ := url.Parse(s.server.URL()) // it was made by package url
	u.Path = "/" + database
	return u.String()
}
